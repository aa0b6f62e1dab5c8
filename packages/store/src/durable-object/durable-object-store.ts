/**
 * A `Store` in the SQLite storage of a Durable Object: conversations survive the object's eviction, without an external
 * database.
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
  /** The id of the user that a context belongs to. Default as in `createMemoryStore`. */
  userOf?: UserIdOf<Context> | undefined;
}

/**
 * A store in the storage of a Durable Object; make it in the object's constructor. Its tables are created or migrated
 * at once. The platform holds back the object's output until its writes are durable (the output gate). There is nothing
 * to close.
 *
 * A row may have 2,000,000 bytes of JSON; a larger one is refused with `event.too_large`, in a local workerd as on
 * Cloudflare. Other errors of the storage are passed through; a write that failed has stored nothing, not even a part.
 * After `storage.deleteAll()` the store is empty and works on. Its tables are called `chatkit_*`; your own may live
 * beside them.
 *
 * During a transaction, outside reads see the state before it, and the object goes on handling other events. In a
 * transaction each write runs twice, and each read first replays all earlier writes, so read before you write. Inside
 * `transaction(work)` use the store that `work` is given: a write to the outer store would wait for the transaction
 * that it is part of, and fails after 30 seconds. Throws a `TypeError` without the storage, and the storage's own error
 * when it has no SQLite.
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
 * The writer lock of a storage, shared by all stores over it: a transaction's writes must have the same effect when
 * they are replayed.
 */
const lineOf = (storage: DurableObjectStorageLike): WriterLock => {
  let line = lines.get(storage);
  if (line === undefined) {
    line = createWriterLock();
    lines.set(storage, line);
  }
  return line;
};
