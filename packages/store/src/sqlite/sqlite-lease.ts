/**
 * Leases (which process may run a thread) in a SQLite file: for several processes on one machine, and for a single one,
 * so that it finds its interrupted runs when it is started again.
 */
import type { RunLease } from '@chatkit/core';
import { createSqlLease } from '../shared/sql-lease.ts';
import { createFileSignals } from './file-signals.ts';
import { createHolderLocks } from './holder-locks.ts';
import { machineNow } from './machine-clock.ts';
import { openSqliteFile } from './sqlite-file.ts';

export interface SqliteLeaseOptions {
  /** The file, created if it is missing. It may be that of the log or of the store. */
  path: string;
  /**
   * How long a lease lasts without a renewal: the time after which the run of a process that hangs is ended. Default 15
   * s.
   */
  ttlMs?: number | undefined;
  /** How long the record of an ended run is kept. Default 10 minutes. */
  retainMs?: number | undefined;
  /**
   * How often to check for signals of other processes (stop requests, freed threads) while this one holds a run or
   * waits for one. Default 20 ms.
   */
  checkMs?: number | undefined;
  /**
   * How long a call waits for another process that is writing before it fails with a retryable error. Default 5,000.
   */
  busyTimeoutMs?: number | undefined;
  /**
   * The clock, in milliseconds, which all processes on the file must share. Default: the machine's monotonic clock (in
   * Bun and Deno, the wall clock).
   */
  clock?: { now(): number } | undefined;
}

/**
 * Leases that all processes on one file share. One run holds a thread at a time. The run of a process that has died
 * goes to the next caller of `reap()` at once, because the operating system drops the lock that the process had on a
 * separate file, `<path>-holder-<id>`. The run of a process that hangs or is suspended goes when its lease has run out.
 * The next owner has the next epoch, by which the log fences off the old one.
 *
 * The file is opened and migrated synchronously. All processes must be on one machine, as for SQLite itself; containers
 * may share the file on a volume. A call rejects with a retryable error when another process has been writing for
 * `busyTimeoutMs`, with `internal` while the file has been removed or replaced, and otherwise with SQLite's own error.
 * A rejected renewal alone does not end a run: what counts is the time since the last one that succeeded. `close()`
 * closes the file; later calls fail.
 *
 * @example
 * const lease = createSqliteLease({ path: 'runs.db' });
 */
export const createSqliteLease = (options: SqliteLeaseOptions): RunLease => {
  const { path, ttlMs = 15_000, retainMs = 600_000, checkMs = 20, busyTimeoutMs = 5_000 } = options;
  const file = openSqliteFile({ kind: 'Lease', path, busyTimeoutMs });
  const locks = createHolderLocks(path);
  const { clock } = options;
  return createSqlLease({
    port: file.port,
    ttlMs,
    reapMs: Math.min(1_000, ttlMs / 2),
    retainMs,
    now: clock === undefined ? machineNow : () => Math.trunc(clock.now()),
    owner: locks.own,
    signals: createFileSignals({ file, checkMs, attendMs: ttlMs }),
    async buryDead(expire) {
      const dead = locks.dead();
      if (dead.length === 0) return;
      let isDone = false;
      try {
        await expire(dead.map(({ id }) => id));
        isDone = true;
      } finally {
        for (const each of dead) each.end(isDone);
      }
    },
    close() {
      file.close();
      locks.close();
    },
  });
};
