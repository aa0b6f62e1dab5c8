/**
 * Leases (which machine may run a thread) in the storage of a Durable Object. The object's next instance finds the runs
 * that the last one had in progress when it was evicted.
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
 * Leases for one Durable Object; make them in its constructor. An object has one instance at a time, so when a new one
 * starts, the leases of earlier ones have expired: a server made with these leases ends their runs as `interrupted`
 * when it starts. Several leases over one storage in one instance see each other, as those of several machines do.
 *
 * After `storage.deleteAll()` no lease is held, and runs in progress are lost. Errors of the storage are passed
 * through. There is no timer and nothing to close, so a lease does not keep the object in memory; `close()` ends
 * listening. Throws a `TypeError` without the storage, and the storage's own error when it has no SQLite.
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
    // No other instance can die while this one lives.
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

/** The state that all leases over one storage share. */
interface Instance {
  readonly name: string;
  /** Serializes decisions. A lock of its own, because an application's transaction may hold the store's for long. */
  readonly lock: WriterLock;
  readonly hubs: Set<SignalHub>;
}

const instances = new WeakMap<DurableObjectStorageLike, Instance>();

/**
 * The shared state for `storage`. When a new instance of the object makes it, it expires all leases of earlier
 * instances.
 */
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
