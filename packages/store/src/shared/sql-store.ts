/**
 * The `Store` over SQL, with the same statements for every database. Each statement is restricted to the user. Values
 * are kept as JSON text, because a JSON type would refuse NUL and lone surrogates (PostgreSQL's jsonb) or reorder keys.
 */
import {
  type Attachment,
  isStorableId,
  type Page,
  type PageOptions,
  type Store,
  type ThreadItem,
  type ThreadMetadata,
} from '@chatkit/core';
import { assertPageOptions, pageOf } from './page-of.ts';
import { sortKey } from './sort-key.ts';
import type { SqlPort, SqlRow } from './sql-port.ts';
import { assertStorableId } from './storable-id.ts';
import { conflict, type NotFoundCode, notFound } from './store-error.ts';
import type { UserIdOf } from './user-of.ts';

/** The clauses that a database with row locks adds to a SELECT. Empty for databases with a single writer. */
export interface RowLocks {
  /** Locks a thread that a transaction has read until its end, so that nobody else writes it. */
  readonly forUpdate: string;
  /** Locks the thread that an item is written to, so that it is not deleted meanwhile. */
  readonly forShare: string;
}

/** Keyset pagination: an index finds the first row of a page, however far into the list it is. */
const pageText = (table: string, owner: string, next: number, order: 'asc' | 'desc', after: boolean): string => {
  const beyond = ` AND (created_us, seq) ${order === 'asc' ? '>' : '<'} ($${next + 1}, $${next + 2})`;
  const sorted = order === 'asc' ? 'created_us, seq' : 'created_us DESC, seq DESC';
  return `SELECT id, body FROM ${table} WHERE ${owner}${after ? beyond : ''} ORDER BY ${sorted} LIMIT $${next}`;
};

/** A table whose rows are listed, with its owner condition and the error for an unknown cursor. */
interface Listing {
  readonly table: string;
  /** The SQL condition on `values`, which are the statement's first values. */
  readonly owner: string;
  readonly values: readonly string[];
  readonly code: NotFoundCode;
}

/** The store over `port`. An id that cannot be stored is "not found" without a query. */
export const createSqlStore = <Context>(port: SqlPort, userOf: UserIdOf<Context>, locks: RowLocks): Store<Context> =>
  createView(port, userOf, locks, false);

const createView = <Context>(
  port: SqlPort,
  userOf: UserIdOf<Context>,
  locks: RowLocks,
  inTransaction: boolean,
): Store<Context> => {
  /** Reads the row with these key values, the last of which is the id. */
  const one = async (text: string, key: readonly string[], code: NotFoundCode): Promise<SqlRow> => {
    const id = key.at(-1) as string;
    const [row] = key.slice(1).every(isStorableId) ? await port.read(text, key) : [];
    if (row === undefined) throw notFound(code, id);
    return row;
  };
  const remove = async (text: string, key: readonly string[]): Promise<void> => {
    if (key.slice(1).every(isStorableId)) await port.write(text, key);
  };
  const list = async <T>({ table, owner, values, code }: Listing, page: PageOptions): Promise<Page<T>> => {
    assertPageOptions(page);
    const { limit, order, after } = page;
    if (!values.slice(1).every(isStorableId)) {
      if (after !== undefined) throw notFound(code, after);
      return pageOf([], limit);
    }
    const next = values.length + 1;
    let position: readonly unknown[] = [];
    if (after !== undefined) {
      // A separate statement, because SQLite does not use the whole index when the position comes from a subquery.
      const text = `SELECT created_us, seq FROM ${table} WHERE ${owner} AND id = $${next}`;
      const row = await one(text, [...values, after], code);
      position = [row['created_us'], row['seq']];
    }
    const text = pageText(table, owner, next, order, after !== undefined);
    const rows = await port.read(text, [...values, limit + 1, ...position]);
    return pageOf<T>(
      rows.map((row) => ({ id: row['id'] as string, json: row['body'] as string })),
      limit,
    );
  };

  return {
    async loadThread(threadId, context) {
      const lock = inTransaction ? locks.forUpdate : '';
      const text = `SELECT body, version FROM chatkit_thread WHERE user_id = $1 AND id = $2${lock}`;
      const row = await one(text, [userOf(context), threadId], 'thread.not_found');
      return { thread: JSON.parse(row['body'] as string) as ThreadMetadata, version: Number(row['version']) };
    },
    async saveThread(thread, context, { ifVersion } = {}) {
      const { id } = thread;
      assertStorableId(id, 'thread.id');
      const written = [userOf(context), id, JSON.stringify(thread)] as const;
      const inserted = [...written, sortKey(thread.created_at)];
      const insert =
        'INSERT INTO chatkit_thread (user_id, id, body, created_us, version) VALUES ($1, $2, $3, $4, 1) ON CONFLICT (user_id, id)';
      const rows =
        ifVersion === undefined
          ? await port.write(
              `${insert} DO UPDATE SET body = excluded.body, version = chatkit_thread.version + 1 RETURNING version`,
              inserted,
            )
          : ifVersion === 0
            ? await port.write(`${insert} DO NOTHING RETURNING version`, inserted)
            : await port.write(
                'UPDATE chatkit_thread SET body = $3, version = version + 1 WHERE user_id = $1 AND id = $2 AND version = $4 RETURNING version',
                [...written, ifVersion],
              );
      if (rows[0] === undefined) throw conflict(id, ifVersion ?? 0);
      return Number(rows[0]['version']);
    },
    async listThreads(page, context) {
      const values = [userOf(context)];
      return list<ThreadMetadata>(
        { table: 'chatkit_thread', owner: 'user_id = $1', values, code: 'thread.not_found' },
        page,
      );
    },
    async deleteThread(threadId, context) {
      // The foreign key deletes the items.
      await remove('DELETE FROM chatkit_thread WHERE user_id = $1 AND id = $2', [userOf(context), threadId]);
    },

    async loadItem(threadId, itemId, context) {
      const text = 'SELECT body FROM chatkit_item WHERE user_id = $1 AND thread_id = $2 AND id = $3';
      const row = await one(text, [userOf(context), threadId, itemId], 'item.not_found');
      return JSON.parse(row['body'] as string) as ThreadItem;
    },
    async saveItem(threadId, item, context) {
      assertStorableId(item.id, 'item.id');
      if (!isStorableId(threadId)) throw notFound('thread.not_found', threadId);
      const rows = await port.write(
        `INSERT INTO chatkit_item (user_id, thread_id, id, body, created_us)
         SELECT user_id, id, CAST($3 AS text), CAST($4 AS text), CAST($5 AS bigint)
         FROM chatkit_thread WHERE user_id = $1 AND id = $2${locks.forShare}
         ON CONFLICT (user_id, thread_id, id) DO UPDATE SET body = excluded.body RETURNING id`,
        [userOf(context), threadId, item.id, JSON.stringify(item), sortKey(item.created_at)],
      );
      if (rows.length === 0) throw notFound('thread.not_found', threadId);
    },
    async listItems(threadId, page, context) {
      const values = [userOf(context), threadId];
      return list<ThreadItem>(
        { table: 'chatkit_item', owner: 'user_id = $1 AND thread_id = $2', values, code: 'item.not_found' },
        page,
      );
    },
    async deleteItem(threadId, itemId, context) {
      const text = 'DELETE FROM chatkit_item WHERE user_id = $1 AND thread_id = $2 AND id = $3';
      await remove(text, [userOf(context), threadId, itemId]);
    },

    async loadAttachment(attachmentId, context) {
      const text = 'SELECT body FROM chatkit_attachment WHERE user_id = $1 AND id = $2';
      const row = await one(text, [userOf(context), attachmentId], 'attachment.not_found');
      return JSON.parse(row['body'] as string) as Attachment;
    },
    async saveAttachment(attachment, context) {
      assertStorableId(attachment.id, 'attachment.id');
      await port.write(
        'INSERT INTO chatkit_attachment (user_id, id, body) VALUES ($1, $2, $3) ON CONFLICT (user_id, id) DO UPDATE SET body = excluded.body',
        [userOf(context), attachment.id, JSON.stringify(attachment)],
      );
    },
    async deleteAttachment(attachmentId, context) {
      const text = 'DELETE FROM chatkit_attachment WHERE user_id = $1 AND id = $2';
      await remove(text, [userOf(context), attachmentId]);
    },

    async transaction(work, context) {
      userOf(context);
      return port.transaction((inner) => work(createView(inner, userOf, locks, true)));
    },
  };
};
