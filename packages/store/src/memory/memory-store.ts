/**
 * A `Store` in the memory of one process: for tests, demos and single-process programs that need not persist anything.
 * It keeps values as JSON text, as the database drivers do, so copies are deep and what works here works there.
 */
import type { Attachment, Page, PageOptions, Store, ThreadItem, ThreadMetadata } from '@chatkit/core';
import { assertPageOptions, pageOf } from '../shared/page-of.ts';
import { sortKey } from '../shared/sort-key.ts';
import { assertStorableId } from '../shared/storable-id.ts';
import { conflict, type NotFoundCode, notFound, transactionEnded } from '../shared/store-error.ts';
import { createUserOf, type UserIdOf } from '../shared/user-of.ts';
import { createWriterLock } from '../shared/writer-lock.ts';
import { createBaseTable, createTableLayer, type OrderedTable, type Row } from './ordered-table.ts';

export interface MemoryStoreOptions<Context> {
  /**
   * The id of the user that a context belongs to. Called once per call of the store; must return a non-empty string.
   * Default: a string is the user's id, an object has it as `userId`, `undefined` is the only user of a single-user
   * program; anything else is refused.
   */
  userOf?: UserIdOf<Context> | undefined;
}

/**
 * A store that keeps threads, items and attachment records in memory, without a bound. During a transaction, other
 * writes wait for it; reads do not, and see the state before it. Inside `transaction(work)` use the store that `work`
 * is given: a write to the outer store would wait for the transaction that it is part of, and fails after 30 seconds.
 *
 * @example
 * const store = createMemoryStore<{ userId: string }>();
 * await store.saveThread(thread, { userId: 'ada' });
 */
export const createMemoryStore = <Context = unknown>(options: MemoryStoreOptions<Context> = {}): Store<Context> => {
  let seq = 0;
  const base = { threads: createBaseTable(), items: createBaseTable(), attachments: createBaseTable() };
  return createView(base, { userOf: createUserOf(options.userOf), nextSeq: () => ++seq, assertOpen: () => {} }).store;
};

interface Tables {
  threads: OrderedTable;
  items: OrderedTable;
  attachments: OrderedTable;
}

interface ViewOptions<Context> {
  userOf: UserIdOf<Context>;
  nextSeq: () => number;
  /** Throws once the transaction that the view belongs to has ended. */
  assertOpen: () => void;
}

interface View<Context> {
  store: Store<Context>;
  /** Resolves when all requested writes are done. */
  settled(): Promise<void>;
}

/** The store over one set of tables: the base, or the layers of a transaction. Each has a writer lock of its own. */
const createView = <Context>(tables: Tables, options: ViewOptions<Context>): View<Context> => {
  const { threads, items, attachments } = tables;
  const lock = createWriterLock();

  const userOf = (context: Context): string => {
    options.assertOpen();
    return options.userOf(context);
  };
  const itemScope = (context: Context, threadId: string): string => `${userOf(context)}\0${threadId}`;

  /** Writes `json` under `id`. An existing row keeps its position, whatever the new `created_at` says. */
  const upsert = (table: OrderedTable, scope: string, id: string, at: number, json: string): number => {
    const held = table.get(scope, id);
    const version = (held?.version ?? 0) + 1;
    table.put(scope, { id, at: held?.at ?? at, seq: held?.seq ?? options.nextSeq(), json, version });
    return version;
  };
  const found = (row: Row | undefined, code: NotFoundCode, id: string): Row => {
    if (row === undefined) throw notFound(code, id);
    return row;
  };
  const list = <T>(table: OrderedTable, scope: string, page: PageOptions, code: NotFoundCode): Page<T> => {
    assertPageOptions(page);
    const after = page.after === undefined ? undefined : found(table.get(scope, page.after), code, page.after);
    return pageOf<T>(table.page(scope, after, page.order, page.limit + 1), page.limit);
  };

  const store: Store<Context> = {
    async loadThread(threadId, context) {
      const row = found(threads.get(userOf(context), threadId), 'thread.not_found', threadId);
      return { thread: JSON.parse(row.json) as ThreadMetadata, version: row.version };
    },
    async saveThread(thread, context, { ifVersion } = {}) {
      const scope = userOf(context);
      const { id } = thread;
      assertStorableId(id, 'thread.id');
      const at = sortKey(thread.created_at);
      const json = JSON.stringify(thread);
      return lock.run(() => {
        if (ifVersion !== undefined && ifVersion !== (threads.get(scope, id)?.version ?? 0))
          throw conflict(id, ifVersion);
        return upsert(threads, scope, id, at, json);
      });
    },
    async listThreads(page, context) {
      return list<ThreadMetadata>(threads, userOf(context), page, 'thread.not_found');
    },
    async deleteThread(threadId, context) {
      const user = userOf(context);
      const scope = itemScope(context, threadId);
      await lock.run(() => {
        threads.remove(user, threadId);
        items.clear(scope);
      });
    },

    async loadItem(threadId, itemId, context) {
      const row = found(items.get(itemScope(context, threadId), itemId), 'item.not_found', itemId);
      return JSON.parse(row.json) as ThreadItem;
    },
    async saveItem(threadId, item, context) {
      const user = userOf(context);
      const scope = itemScope(context, threadId);
      const { id } = item;
      assertStorableId(id, 'item.id');
      const at = sortKey(item.created_at);
      const json = JSON.stringify(item);
      await lock.run(() => {
        found(threads.get(user, threadId), 'thread.not_found', threadId);
        upsert(items, scope, id, at, json);
      });
    },
    async listItems(threadId, page, context) {
      return list<ThreadItem>(items, itemScope(context, threadId), page, 'item.not_found');
    },
    async deleteItem(threadId, itemId, context) {
      const scope = itemScope(context, threadId);
      await lock.run(() => items.remove(scope, itemId));
    },

    async loadAttachment(attachmentId, context) {
      const row = found(attachments.get(userOf(context), attachmentId), 'attachment.not_found', attachmentId);
      return JSON.parse(row.json) as Attachment;
    },
    async saveAttachment(attachment, context) {
      const scope = userOf(context);
      const { id } = attachment;
      assertStorableId(id, 'attachment.id');
      const json = JSON.stringify(attachment);
      await lock.run(() => upsert(attachments, scope, id, 0, json));
    },
    async deleteAttachment(attachmentId, context) {
      const scope = userOf(context);
      await lock.run(() => attachments.remove(scope, attachmentId));
    },

    async transaction(work, context) {
      userOf(context);
      return lock.run(async () => {
        const threadLayer = createTableLayer(threads);
        const itemLayer = createTableLayer(items);
        const attachmentLayer = createTableLayer(attachments);
        let open = true;
        const view = createView<Context>(
          { threads: threadLayer, items: itemLayer, attachments: attachmentLayer },
          {
            ...options,
            assertOpen() {
              if (!open) throw transactionEnded();
            },
          },
        );
        try {
          const result = await work(view.store);
          await view.settled();
          for (const layer of [threadLayer, itemLayer, attachmentLayer]) layer.commit();
          return result;
        } finally {
          open = false;
        }
      });
    },
  };
  return { store, settled: () => lock.settled() };
};
