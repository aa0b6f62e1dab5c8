/**
 * A `Store` in the SQLite storage of a Durable Object: the conversations of an object outlive its memory, without a
 * database elsewhere.
 */
import type { Store } from '@chatkit/core';
import { inTransaction, type SqlPort } from '../shared/sql-port.ts';
import { createSqlStore } from '../shared/sql-store.ts';
import { createUserOf, type UserIdOf } from '../shared/user-of.ts';
import { createWriterLock, type WriterLock } from '../shared/writer-lock.ts';
import { type DurableObjectStorageLike, openStorage } from './object-storage.ts';
import { createReplay } from './replay.ts';

export interface DurableObjectStoreOptions<Context> {
  /** `ctx.storage` of an object whose class has SQLite storage (`new_sqlite_classes` in Wrangler's configuration). */
  storage: DurableObjectStorageLike;
  /** Whose context it is. Default as in `createMemoryStore`. */
  userOf?: UserIdOf<Context> | undefined;
}

/**
 * A store in the storage of a Durable Object, which is migrated at once, so the constructor of the object is the place
 * to make it. The platform holds back what leaves the object until what was written is durable (its output gate). There
 * is nothing to close.
 *
 * One row takes 2,000,000 bytes of JSON; what is larger is refused with `event.too_large`, in a local workerd as on
 * Cloudflare. Other errors of the storage come through as it throws them: what they refuse is not stored, not even half
 * of it. After `storage.deleteAll()` the store is empty and goes on. Your own tables may live beside its own, which are
 * called `chatkit_*`.
 *
 * Reads see the state before an open transaction, and other events of the object go on meanwhile. In a transaction a
 * write runs twice, and a read plays all writes before it: read first. Inside `transaction(work)` use the store that
 * `work` is given: a write to the outer one would wait for the transaction, and so for itself, and fails after 30
 * seconds. Throws a `TypeError` without the storage, and what the storage says when it has no SQLite.
 *
 * @example
 * export class Chat extends DurableObject {
 *   server = createChatKitServer<string>({ store: createDurableObjectStore({ storage: this.ctx.storage }), respond });
 * }
 */
export const createDurableObjectStore = <Context = unknown>({
  storage,
  userOf,
}: DurableObjectStoreOptions<Context>): Store<Context> => {
  const database = openStorage(storage, 'Store');
  const lock = lineOf(storage);
  const port: SqlPort = {
    read: async (text, values) => database.run(text, values),
    write: (text, values) => lock.run(() => database.run(text, values)),
    transaction: (work) => lock.run(() => inTransaction(createReplay(database), work)),
  };
  return createSqlStore(port, createUserOf(userOf), { forUpdate: '', forShare: '' });
};

const lines = new WeakMap<DurableObjectStorageLike, WriterLock>();

/**
 * The line of all who write to `storage`, whichever store they have: the writes of a transaction must find what they
 * found before.
 */
const lineOf = (storage: DurableObjectStorageLike): WriterLock => {
  let line = lines.get(storage);
  if (line === undefined) {
    line = createWriterLock();
    lines.set(storage, line);
  }
  return line;
};
