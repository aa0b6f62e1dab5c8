/**
 * Who may run a thread, in the storage of a Durable Object: what its instance ran when it was evicted is found by the
 * next one.
 */
import type { RunLease } from '@chatkit/core';
import { createSignalHub, type SignalHub } from '../shared/lease-signals.ts';
import { createSqlLease } from '../shared/sql-lease.ts';
import { inTransaction, type SqlPort } from '../shared/sql-port.ts';
import { createWriterLock, type WriterLock } from '../shared/writer-lock.ts';
import { type DurableObjectStorageLike, type ObjectDatabase, openStorage } from './object-storage.ts';
import { createReplay } from './replay.ts';

export interface DurableObjectLeaseOptions {
  /** `ctx.storage` of an object whose class has SQLite storage (`new_sqlite_classes` in Wrangler's configuration). */
  storage: DurableObjectStorageLike;
  /** How long a lease lasts without a renewal. Default 15 s. */
  ttlMs?: number | undefined;
  /** How long the record of an ended run is kept. Default 10 minutes. */
  retainMs?: number | undefined;
  /** What time it is, in milliseconds. Default: `Date`. */
  clock?: { now(): number } | undefined;
}

/**
 * Leases of one Durable Object, whose constructor is the place to make them. An object has one instance at a time, so a
 * new one takes all that earlier ones held for over at once: a server made with it ends their runs as `interrupted`
 * when it starts. Leases over one storage in one instance know of each other, as machines do.
 *
 * After `storage.deleteAll()` nothing is held, and what was running is lost. Errors of the storage come through as it
 * throws them. There is no timer and nothing to close, so a lease keeps no object in memory; `close()` ends listening.
 * Throws a `TypeError` without the storage, and what the storage says when it has no SQLite.
 *
 * @example
 * export class Chat extends DurableObject {
 *   lease = createDurableObjectLease({ storage: this.ctx.storage });
 * }
 */
export const createDurableObjectLease = (options: DurableObjectLeaseOptions): RunLease => {
  const { storage, ttlMs = 15_000, retainMs = 600_000, clock = Date } = options;
  const database = openStorage(storage, 'Lease');
  const { name, lock, hubs } = instanceOf(storage, database);
  const port: SqlPort = {
    read: async (text, values) => database.run(text, values),
    write: (text, values) => lock.run(() => database.run(text, values)),
    transaction: (work) => lock.run(() => inTransaction(createReplay(database), work)),
  };
  const hub = createSignalHub();
  hubs.add(hub);
  return createSqlLease({
    port,
    ttlMs,
    // Nobody dies while this instance lives.
    reapMs: Number.POSITIVE_INFINITY,
    retainMs,
    now: () => Math.trunc(clock.now()),
    owner: () => name,
    signals: {
      hub,
      tell(signal) {
        for (const each of hubs) each.hear(signal);
      },
      async send() {},
      async attend() {},
      close() {
        hubs.delete(hub);
        hub.close();
      },
    },
    close() {},
  });
};

/** What all leases over one storage have in common. */
interface Instance {
  readonly name: string;
  /** One decision at a time. Not the line of the stores, which an application's transaction may hold for long. */
  readonly lock: WriterLock;
  readonly hubs: Set<SignalHub>;
}

const instances = new WeakMap<DurableObjectStorageLike, Instance>();

/** The instance of the object that `storage` belongs to. A new one ends what is held by those before it. */
const instanceOf = (storage: DurableObjectStorageLike, database: ObjectDatabase): Instance => {
  let instance = instances.get(storage);
  if (instance === undefined) {
    instance = { name: crypto.randomUUID(), lock: createWriterLock(), hubs: new Set() };
    database.inOnePiece(() => {
      database.run('UPDATE chatkit_lease_run SET held_until = held_since WHERE outcome IS NULL', []);
      database.run('UPDATE chatkit_lease_machine SET held_until = held_since', []);
    });
    instances.set(storage, instance);
  }
  return instance;
};
