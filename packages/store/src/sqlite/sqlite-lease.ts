/**
 * Who may run a thread, decided by an SQLite file: for several processes of one machine, and for one that may be killed
 * and finds what it left when it starts again.
 */
import type { RunLease } from '@chatkit/core';
import { createSqlLease } from '../shared/sql-lease.ts';
import { createFileSignals } from './file-signals.ts';
import { createHolderLocks } from './holder-locks.ts';
import { machineNow } from './machine-clock.ts';
import { openSqliteFile } from './sqlite-file.ts';

export interface SqliteLeaseOptions {
  /** The file, made when it is missing. It may be that of the log or of the store. */
  path: string;
  /**
   * How long a lease lasts without a renewal: the time after which the run of a process that hangs is ended. Default 15
   * s.
   */
  ttlMs?: number | undefined;
  /** How long the record of an ended run is kept. Default 10 minutes. */
  retainMs?: number | undefined;
  /**
   * How often stops and freed threads of other processes are looked for, while this one runs or awaits something.
   * Default 20 ms.
   */
  checkMs?: number | undefined;
  /** How long a call waits for another process that is writing, before it fails as retryable. Default 5,000. */
  busyTimeoutMs?: number | undefined;
  /**
   * What time it is, in milliseconds, for all processes on the file. Default: the monotonic clock of the machine (in
   * Bun and Deno, the wall clock).
   */
  clock?: { now(): number } | undefined;
}

/**
 * Leases that all processes on one file share. One run has a thread at a time. The run of a process that has died goes
 * to the next caller of `reap()` at once, because the operating system drops the lock that the process had (on a file
 * of its own, `<path>-holder-<id>`); that of a process that hangs or is suspended when its lease has run out. The next
 * owner has the next epoch, which is what fences the old one off in the log.
 *
 * The file is opened and migrated at once (synchronously). All processes must be on one machine, as for SQLite itself;
 * containers may share the file on a volume. A call rejects as retryable when another process has been writing for
 * `busyTimeoutMs`, with `internal` while the file has been removed or replaced, and else with what SQLite says; what
 * that means for a run is decided by the time since its last renewal. `close()` closes the file; calls that come later
 * fail.
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
