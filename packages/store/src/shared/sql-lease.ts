/**
 * Leases (which machine may run a thread) in a SQL database. Each decision is one transaction that excludes the others
 * and reads the clock once it has its turn. The database, its clock and the signals between leases are provided by a
 * driver.
 */
import type { RunClaim, RunLease, RunOutcome, RunRecord } from '@chatkit/core';
import {
  firstInLine,
  type Hold,
  hasLine,
  isHeld,
  keepMachine,
  leavePlace,
  letIn,
  type Place,
  placeOf,
  takePlace,
} from './lease-line.ts';
import type { LeaseSignal, LeaseSignals } from './lease-signals.ts';
import type { SqlPort, SqlRow } from './sql-port.ts';

export interface SqlLeaseOptions {
  /** The database. Its transactions must exclude each other unless `lock` is given. */
  readonly port: SqlPort;
  /**
   * Makes transactions about the same thread exclude each other. One about several threads must not deadlock with others
   * of its kind.
   */
  readonly lock?: ((db: SqlPort, threadIds: readonly string[]) => Promise<unknown>) | undefined;
  readonly ttlMs: number;
  /** How often a server looks for dead runs. Default: twice per lease. */
  readonly reapMs?: number | undefined;
  /** How long records of ended runs are kept. */
  readonly retainMs: number;
  /** The clock of all who share the database, in whole milliseconds. */
  readonly now: (db: SqlPort) => number | Promise<number>;
  /** The id of this holder, whose holds all expire when it dies. */
  readonly owner: () => string;
  readonly signals: LeaseSignals;
  /** Expires the holds of owners that are known to be dead. Called before looking for dead runs. */
  readonly buryDead?: ((expire: (owners: readonly string[]) => Promise<void>) => Promise<void>) | undefined;
  readonly close: () => void;
}

/** The context of one decision. */
interface Turn {
  readonly db: SqlPort;
  readonly now: number;
  /** A hold from now on, for the length of a lease. */
  readonly hold: () => Hold;
  readonly tell: (signal: LeaseSignal) => Promise<void>;
}

export const createSqlLease = (options: SqlLeaseOptions): RunLease => {
  const { port, ttlMs, reapMs, retainMs, signals } = options;

  const decide = async <T>(threadIds: string | readonly string[], decision: (turn: Turn) => Promise<T>): Promise<T> => {
    const { result, told } = await port.transaction(async (db) => {
      if (threadIds.length > 0) await options.lock?.(db, typeof threadIds === 'string' ? [threadIds] : threadIds);
      const now = await options.now(db);
      const told: LeaseSignal[] = [];
      const result = await decision({
        db,
        now,
        hold: () => ({ owner: options.owner(), since: now, until: now + ttlMs }),
        async tell(signal) {
          told.push(signal);
          await signals.send(db, signal, now);
        },
      });
      return { result, told };
    });
    for (const signal of told) signals.tell(signal);
    return result;
  };

  const wait = async ({ db, hold }: Turn, claim: RunClaim, waiter: string): Promise<void> => {
    await takePlace(db, claim, waiter, hold());
    await signals.attend(db);
  };

  const expire = (owners: readonly string[]): Promise<void> =>
    decide([], async ({ db }) => {
      for (const owner of owners) {
        await db.write('UPDATE chatkit_lease_run SET held_until = held_since WHERE owner = $1 AND outcome IS NULL', [
          owner,
        ]);
        await db.write('UPDATE chatkit_lease_machine SET held_until = held_since WHERE owner = $1', [owner]);
      }
    });

  const find = async (runId: string): Promise<RunRecord | undefined> => {
    // In this order, so that a run that is granted in between is found by its place and not missed.
    const place = await placeOf(port, runId, await options.now(port));
    const known = await knownRun(port, runId);
    return known ?? (place?.isGood ? toRecord({ ...place.row, epoch: 0 }) : undefined);
  };

  return {
    ttlMs,
    ...(reapMs === undefined ? {} : { reapMs }),
    acquire: (claim, waiter) =>
      decide(claim.threadId, async (turn) => {
        const { db, now } = turn;
        const { runId, threadId } = claim;
        const known = await knownRun(db, runId);
        if (known !== undefined) return { heldBy: known };
        const heldBy = await activeRun(db, threadId);
        const first = await firstInLine(db, threadId, now);
        if (heldBy !== undefined || (first !== undefined && first.machine !== waiter)) {
          if (waiter !== undefined) await wait(turn, claim, waiter);
          return { heldBy };
        }
        const granted = await grant(turn, claim, first);
        await signals.attend(db);
        const isOvertaken = first !== undefined && (await firstInLine(db, threadId, now)) !== undefined;
        return { granted, ...(isOvertaken ? { overtaken: true } : {}) };
      }),
    queue: (claim, waiter) => decide(claim.threadId, (turn) => wait(turn, claim, waiter)),
    leave: ({ runId, threadId }, waiter, outcome) =>
      decide(threadId, async (turn) => {
        const { db, now } = turn;
        const place = await placeOf(db, runId, now);
        const hasLeft = await leavePlace(db, threadId, { runId, machine: waiter });
        if (hasLeft && place !== undefined && outcome !== undefined && (await knownRun(db, runId)) === undefined) {
          await keepEnded(turn, place.row, outcome, retainMs);
        }
        await tellIfFree(turn, threadId);
      }),
    renew: ({ runId, threadId, epoch }, waiter) =>
      decide(threadId, async ({ db, now, hold }) => {
        if (waiter !== undefined && (await hasLine(db, threadId))) await keepMachine(db, threadId, waiter, hold());
        const [held] = await db.read(
          `SELECT stop FROM chatkit_lease_run WHERE run_id = $1 AND epoch = $2 AND outcome IS NULL
           AND ${isHeld('chatkit_lease_run', '$3')}`,
          [runId, epoch, now],
        );
        if (held === undefined) return { held: false };
        await holdRun(db, runId, epoch, hold());
        await signals.attend(db);
        return { held: true, ...(held['stop'] === null ? {} : { stop: String(held['stop']) }) };
      }),
    release: ({ runId, threadId, epoch }, outcome) =>
      decide(threadId, async (turn) => {
        const { db, now } = turn;
        const run = await knownRun(db, runId);
        if (run?.epoch !== epoch || run.outcome !== undefined) return;
        if (outcome === undefined) await db.write('DELETE FROM chatkit_lease_run WHERE run_id = $1', [runId]);
        else {
          await db.write(
            'UPDATE chatkit_lease_run SET outcome = $2, held_since = $3, held_until = $4 WHERE run_id = $1',
            [runId, outcome, now, now + retainMs],
          );
        }
        await tellIfFree(turn, run.threadId);
        await forgetOld(turn, retainMs);
      }),
    find,
    activeIn: (threadId) => activeRun(port, threadId),
    async requestStop(runId, cause) {
      const found = await find(runId);
      if (found === undefined || found.outcome !== undefined) return;
      await decide(found.threadId, async ({ db, now, tell }) => {
        const run = await knownRun(db, runId);
        if (run?.outcome !== undefined) return;
        if (run === undefined && !(await placeOf(db, runId, now))?.isGood) return;
        const table = run === undefined ? 'chatkit_lease_place' : 'chatkit_lease_run';
        await db.write(`UPDATE ${table} SET stop = coalesce(stop, $2) WHERE run_id = $1`, [runId, cause]);
        await tell({ runId, cause });
      });
    },
    onStop: signals.hub.onStop,
    onFree: signals.hub.onFree,
    async reap() {
      await options.buryDead?.(expire);
      const overdue = (await overdueRuns(port, await options.now(port))).map(toRecord);
      const takeAll = async (turn: Turn) => {
        await signals.attend(turn.db);
        return takeOver(turn, overdue);
      };
      const reaped = overdue.length === 0 ? [] : await decide(threadsOf(overdue), takeAll);
      try {
        for (const threadId of await oldLines(port, (await options.now(port)) - retainMs)) {
          await decide(threadId, ({ db, now }) => firstInLine(db, threadId, now));
        }
      } catch (error) {
        // Runs that have been taken over already must be returned: only this caller will end them.
        if (reaped.length === 0) throw error;
      }
      return reaped;
    },
    async close() {
      signals.close();
      options.close();
    },
  };
};

/** How many runs one call takes over. The next call, perhaps in another process, takes the next ones. */
const reapedAtOnce = 50;

/** Runs in progress that nobody holds any more: up to `reapedAtOnce` of them, or those of these that are. */
const overdueRuns = (db: SqlPort, now: number, among?: readonly RunRecord[]): Promise<readonly SqlRow[]> =>
  db.read(
    `SELECT ${columns} FROM chatkit_lease_run WHERE outcome IS NULL AND NOT ${isHeld('chatkit_lease_run', '$1')}
     ${among === undefined ? '' : ` AND run_id IN (${placeholders(among.length, 2)})`} LIMIT ${reapedAtOnce}`,
    [now, ...(among ?? []).map(({ runId }) => runId)],
  );

/**
 * Gives runs that are still overdue to this holder, under their next epochs. All in one decision: one for each would be
 * hundreds of trips to the database, while the readers of the last one wait.
 */
const takeOver = async ({ db, now, hold }: Turn, overdue: readonly RunRecord[]): Promise<RunRecord[]> => {
  const runs = (await overdueRuns(db, now, overdue)).map(toRecord);
  if (runs.length === 0) return [];
  const { owner, since, until } = hold();
  await db.write(
    `UPDATE chatkit_lease_run SET epoch = epoch + 1, owner = $1, held_since = $2, held_until = $3
     WHERE run_id IN (${placeholders(runs.length, 4)})`,
    [owner, since, until, ...runs.map(({ runId }) => runId)],
  );
  return runs.map((run) => ({ ...run, epoch: run.epoch + 1 }));
};

const threadsOf = (runs: readonly RunRecord[]): string[] => runs.map(({ threadId }) => threadId);

/** `$first, $first+1, …` */
const placeholders = (count: number, first: number): string =>
  Array.from({ length: count }, (_, at) => `$${first + at}`).join(', ');

/** A few threads with a line that nobody has looked at, in which a machine has not been heard from since `before`. */
const oldLines = async (db: SqlPort, before: number): Promise<string[]> => {
  const rows = await db.read('SELECT DISTINCT thread_id FROM chatkit_lease_machine WHERE held_until <= $1 LIMIT 5', [
    before,
  ]);
  return rows.map((row) => String(row['thread_id']));
};

/** How many old records are deleted when a run ends. */
const forgottenAtOnce = 20;

const columns = 'run_id, thread_id, epoch, resumable, user_id, outcome';

const toRecord = (row: SqlRow): RunRecord => {
  const { user_id: user, outcome } = row;
  return {
    runId: String(row['run_id']),
    threadId: String(row['thread_id']),
    epoch: Number(row['epoch']),
    resumable: Number(row['resumable']) === 1,
    ...(user === null ? {} : { userId: String(user) }),
    ...(outcome === null || outcome === undefined ? {} : { outcome: outcome as RunOutcome }),
  };
};

const recordOf = async (db: SqlPort, condition: string, value: string): Promise<RunRecord | undefined> => {
  const [row] = await db.read(`SELECT ${columns} FROM chatkit_lease_run WHERE ${condition}`, [value]);
  return row && toRecord(row);
};

/** The record of a run that is in progress or has ended. */
const knownRun = (db: SqlPort, runId: string) => recordOf(db, 'run_id = $1', runId);
const activeRun = (db: SqlPort, threadId: string) => recordOf(db, 'thread_id = $1 AND outcome IS NULL', threadId);

const holdRun = async (db: SqlPort, runId: string, epoch: number, { owner, since, until }: Hold): Promise<void> => {
  await db.write(
    'UPDATE chatkit_lease_run SET epoch = $2, owner = $3, held_since = $4, held_until = $5 WHERE run_id = $1',
    [runId, epoch, owner, since, until],
  );
};

/** Grants a thread to a run, on the turn of `first` or when nobody waits. */
const grant = async ({ db, now, hold }: Turn, claim: RunClaim, first: Place | undefined): Promise<RunRecord> => {
  const { runId, threadId, resumable, userId = null } = claim;
  const stop = first && (await placeOf(db, runId, now))?.row['stop'];
  if (first !== undefined) await letIn(db, threadId, runId, first, now);
  const { owner, since, until } = hold();
  await db.write(
    `INSERT INTO chatkit_lease_run (run_id, thread_id, epoch, resumable, user_id, stop, owner, held_since, held_until)
     VALUES ($1, $2, 1, $3, $4, $5, $6, $7, $8)`,
    [runId, threadId, resumable ? 1 : 0, userId, stop ?? null, owner, since, until],
  );
  return { runId, threadId, epoch: 1, resumable, ...(userId === null ? {} : { userId }) };
};

/** Keeps the record of a run that ended while it waited. */
const keepEnded = async (
  { db, now, hold }: Turn,
  row: SqlRow,
  outcome: RunOutcome,
  retainMs: number,
): Promise<void> => {
  await db.write(
    `INSERT INTO chatkit_lease_run (run_id, thread_id, epoch, resumable, user_id, outcome, owner, held_since, held_until)
     VALUES ($1, $2, 0, $3, $4, $5, $6, $7, $8)`,
    [
      row['run_id'],
      row['thread_id'],
      Number(row['resumable']),
      row['user_id'],
      outcome,
      hold().owner,
      now,
      now + retainMs,
    ],
  );
};

const tellIfFree = async ({ db, now, tell }: Turn, threadId: string): Promise<void> => {
  if ((await activeRun(db, threadId)) !== undefined) return;
  if ((await firstInLine(db, threadId, now)) !== undefined) await tell({ threadId });
};

/**
 * Deletes some expired records of ended runs. First it shortens those that lie too far in the future, because the clock
 * has begun anew.
 */
const forgetOld = async ({ db, now }: Turn, retainMs: number): Promise<void> => {
  await db.write('UPDATE chatkit_lease_run SET held_until = $1 WHERE outcome IS NOT NULL AND held_until > $1', [
    now + retainMs,
  ]);
  await db.write(
    `DELETE FROM chatkit_lease_run WHERE run_id IN (SELECT run_id FROM chatkit_lease_run
     WHERE outcome IS NOT NULL AND held_until <= $1 LIMIT ${forgottenAtOnce})`,
    [now],
  );
};
