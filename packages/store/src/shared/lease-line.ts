/**
 * The line of runs that wait for a thread, in a SQL database, by the same rules as in memory (`memory/thread-line.ts`).
 * A run has one place, held by its machine. A machine may use any of its places for any of its runs, and its places
 * expire when it has not been heard from. The row of a place is also the record of the waiting run. Every function here
 * is part of one decision, in the transaction `db`.
 */
import type { RunClaim } from '@chatkit/core';
import type { SqlPort, SqlRow } from './sql-port.ts';

/** Who holds something, and from when until when. */
export interface Hold {
  /** The holder, whose holds all expire when it dies: a process, or an instance of a Durable Object. */
  readonly owner: string;
  readonly since: number;
  readonly until: number;
}

export interface Place {
  readonly runId: string;
  readonly machine: string;
}

/**
 * The SQL condition that a row of `table` is held at the time `now`. A hold whose beginning is further in the future
 * than it is long dates from before a restart of the machine, after which the clock began anew.
 */
export const isHeld = (table: string, now: string): string =>
  `(${table}.held_until > ${now} AND 2 * ${table}.held_since - ${table}.held_until <= ${now})`;

const places = `chatkit_lease_place p LEFT JOIN chatkit_lease_machine m ON m.thread_id = p.thread_id AND m.machine = p.machine`;
const heard = (now: string) => `CASE WHEN ${isHeld('m', now)} THEN 1 ELSE 0 END AS heard`;
const isHeard = (row: SqlRow | undefined): boolean => Number(row?.['heard']) === 1;

/** Takes a place at the end for a run that has none, and extends all places of its machine to the end of `hold`. */
export const takePlace = async (db: SqlPort, claim: RunClaim, machine: string, hold: Hold): Promise<void> => {
  const { runId, threadId, resumable, userId = null } = claim;
  const [own] = await db.read(`SELECT ${heard('$2')} FROM ${places} WHERE p.run_id = $1`, [runId, hold.since]);
  if (own === undefined) {
    const [last] = await db.read('SELECT max(place) AS place FROM chatkit_lease_place WHERE thread_id = $1', [
      threadId,
    ]);
    await db.write(
      `INSERT INTO chatkit_lease_place (run_id, thread_id, place, machine, resumable, user_id) VALUES ($1, $2, $3, $4, $5, $6)`,
      [runId, threadId, Number(last?.['place'] ?? 0) + 1, machine, resumable ? 1 : 0, userId],
    );
  } else if (!isHeard(own)) {
    await db.write('UPDATE chatkit_lease_place SET machine = $2 WHERE run_id = $1', [runId, machine]);
  }
  await keepMachine(db, threadId, machine, hold);
};

/** Extends all places of a machine to the end of `hold`. */
export const keepMachine = async (db: SqlPort, threadId: string, machine: string, hold: Hold): Promise<void> => {
  await db.write(
    `INSERT INTO chatkit_lease_machine (thread_id, machine, owner, held_since, held_until) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (thread_id, machine) DO UPDATE SET owner = excluded.owner, held_since = excluded.held_since,
       held_until = excluded.held_until`,
    [threadId, machine, hold.owner, hold.since, hold.until],
  );
};

/** Whether there is any place in the line, expired or not. */
export const hasLine = async (db: SqlPort, threadId: string): Promise<boolean> =>
  (await db.read('SELECT run_id FROM chatkit_lease_place WHERE thread_id = $1 LIMIT 1', [threadId])).length > 0;

/** The run's place, if it has one, and whether that is still valid. */
export const placeOf = async (
  db: SqlPort,
  runId: string,
  now: number,
): Promise<(Place & { readonly row: SqlRow; readonly isGood: boolean }) | undefined> => {
  const [row] = await db.read(
    `SELECT p.run_id, p.thread_id, p.machine, p.place, p.resumable, p.user_id, p.stop, ${heard('$2')} FROM ${places} WHERE p.run_id = $1`,
    [runId, now],
  );
  return row && { runId, machine: String(row['machine']), row, isGood: isHeard(row) };
};

/** The place whose turn it is. Deletes expired places before it. */
export const firstInLine = async (db: SqlPort, threadId: string, now: number): Promise<Place | undefined> => {
  const first = (only: string) =>
    db.read(
      `SELECT p.run_id, p.machine, p.place, ${heard('$2')} FROM ${places} WHERE p.thread_id = $1${only} ORDER BY p.place LIMIT 1`,
      [threadId, now],
    );
  let [row] = await first('');
  if (row === undefined) return undefined;
  if (!isHeard(row)) {
    [row] = await first(` AND ${isHeld('m', '$2')}`);
    const dead = 'DELETE FROM chatkit_lease_place WHERE thread_id = $1';
    if (row === undefined) await db.write(dead, [threadId]);
    else await db.write(`${dead} AND place < $2`, [threadId, Number(row['place'])]);
    await forgetMachines(db, threadId);
  }
  return row && { runId: String(row['run_id']), machine: String(row['machine']) };
};

/** Gives up a place. Returns whether there was one. */
export const leavePlace = async (db: SqlPort, threadId: string, { runId, machine }: Place): Promise<boolean> => {
  const own = await db.read(
    'SELECT run_id FROM chatkit_lease_place WHERE run_id = $1 AND thread_id = $2 AND machine = $3',
    [runId, threadId, machine],
  );
  if (own.length === 0) return false;
  await removePlace(db, threadId, runId);
  return true;
};

/**
 * Removes a run that is granted the thread, for the machine of `first`, whose turn it is. If `first` is another run, it
 * takes over the granted run's place. If that place belongs to another machine, because both were sent the run, the
 * place is dropped and `first` stays.
 */
export const letIn = async (db: SqlPort, threadId: string, runId: string, first: Place, now: number): Promise<void> => {
  const own = await placeOf(db, runId, now);
  if (own === undefined) {
    await db.write(
      `UPDATE chatkit_lease_place SET place = 1 + (SELECT max(place) FROM chatkit_lease_place WHERE thread_id = $1)
       WHERE run_id = $2`,
      [threadId, first.runId],
    );
    return;
  }
  if (own.machine === first.machine && first.runId !== runId) {
    const place = Number(own.row['place']);
    await db.write('UPDATE chatkit_lease_place SET place = $2 WHERE run_id = $1', [first.runId, place]);
  }
  await removePlace(db, threadId, runId);
};

const removePlace = async (db: SqlPort, threadId: string, runId: string): Promise<void> => {
  await db.write('DELETE FROM chatkit_lease_place WHERE run_id = $1', [runId]);
  await forgetMachines(db, threadId);
};

/** Deletes the machines of an empty line. */
const forgetMachines = async (db: SqlPort, threadId: string): Promise<void> => {
  await db.write(
    `DELETE FROM chatkit_lease_machine WHERE thread_id = $1
     AND NOT EXISTS (SELECT 1 FROM chatkit_lease_place WHERE thread_id = $1)`,
    [threadId],
  );
};
