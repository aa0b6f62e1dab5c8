/**
 * The operations of a log in a SQL database, each as steps for one transaction. A run is a row of `chatkit_log_run`:
 * its last offset (`epoch`, `seq`; 0 if there is none), the writer of that epoch, the outcome, the last offset that was
 * dropped, and its size in bytes. A row of `chatkit_log_batch` is a batch of the run's entries, keyed by the offset of
 * the last one.
 */
import type { RunOutcome } from '@chatkit/core';
import type { Place } from './entry-list.ts';
import type { SqlRow } from './sql-port.ts';
import { type SqlSteps, sql } from './sql-steps.ts';

/** Entries of one epoch whose offsets count up by one. */
export interface SqlBatch {
  /** The run: its number if this process created it, else its id. */
  readonly run: number | string;
  readonly writer: string;
  /** The last offset. */
  readonly epoch: number;
  readonly seq: number;
  /** The last offset before the batch, as far as the writer knows; `undefined` if it does not. */
  readonly before: Place | undefined;
  readonly text: string;
  readonly bytes: number;
  /** The outcome if the last entry is the terminal one; else ''. */
  readonly outcome: RunOutcome | '';
  /** When the run expires; `undefined` leaves that as it is. */
  readonly expiresMs: number | undefined;
}

/**
 * The result of a write. `gone`: there is no such run. `fenced`: a later epoch, or another writer in this one, has the
 * run. `behind`: the database has lost entries whose write it had confirmed, for example because the file was replaced
 * by an older copy.
 */
export type SqlReply = 'done' | 'gone' | 'closed' | 'fenced' | 'behind';

/**
 * Writes batches of several runs, those of one run in order, unless somebody else has the run. Returns the result of
 * each.
 */
export type WriteBatches = (batches: readonly SqlBatch[], maxBytesPerRun: number) => SqlSteps<SqlReply[]>;

/** Creates a run. Returns its number, or `undefined` if it exists already. */
export function* createRun(id: string, expiresMs: number): SqlSteps<number | undefined> {
  const [row] = yield* sql(
    `INSERT INTO chatkit_log_run (id, epoch, seq, writer, outcome, dropped_epoch, dropped_seq, bytes, expires_ms)
     VALUES ($1, 0, 0, '', '', 0, 0, 0, $2) ON CONFLICT (id) DO NOTHING RETURNING number`,
    [id, expiresMs],
  );
  return row === undefined ? undefined : Number(row['number']);
}

/** Deletes a run. The foreign key deletes its batches. */
export function* deleteRun(id: string): SqlSteps<void> {
  yield* sql('DELETE FROM chatkit_log_run WHERE id = $1', [id]);
}

/** Deletes some expired runs; only a few, so that nobody has to wait for all of them. */
export function* sweepRuns(nowMs: number): SqlSteps<void> {
  yield* sql(
    `DELETE FROM chatkit_log_run WHERE number IN
       (SELECT number FROM chatkit_log_run WHERE expires_ms <= $1 ORDER BY expires_ms LIMIT 4)`,
    [nowMs],
  );
}

/** Writes batches one after another, which is best where a statement is a function call. */
export function* writeBatches(batches: readonly SqlBatch[], maxBytesPerRun: number): SqlSteps<SqlReply[]> {
  const replies: SqlReply[] = [];
  for (const batch of batches) replies.push(yield* writeBatch(batch, maxBytesPerRun));
  return replies;
}

function* writeBatch(batch: SqlBatch, maxBytesPerRun: number): SqlSteps<SqlReply> {
  const { epoch, seq, bytes } = batch;
  const [row] = yield* sql(
    `SELECT number, epoch, seq, writer, outcome, bytes FROM chatkit_log_run
     WHERE ${typeof batch.run === 'number' ? 'number' : 'id'} = $1`,
    [batch.run],
  );
  const reply = judge(row, batch);
  if (reply !== 'write') return reply;
  const number = Number(row?.['number']);
  const kept = Number(row?.['bytes']) + bytes;
  yield* sql(
    `UPDATE chatkit_log_run SET epoch = $2, seq = $3, writer = $4, outcome = $5, bytes = $6${
      batch.expiresMs === undefined ? '' : ', expires_ms = $7'
    } WHERE number = $1`,
    [
      ...[number, epoch, seq, batch.writer, batch.outcome, kept],
      ...(batch.expiresMs === undefined ? [] : [batch.expiresMs]),
    ],
  );
  yield* sql('INSERT INTO chatkit_log_batch (run, epoch, seq, bytes, body) VALUES ($1, $2, $3, $4, $5)', [
    ...[number, epoch, seq, bytes, batch.text],
  ]);
  yield* trimRun(number, kept, maxBytesPerRun);
  return 'done';
}

/** Decides about a batch by the row of its run. */
export const judge = (
  row: SqlRow | undefined,
  batch: Pick<SqlBatch, 'epoch' | 'seq' | 'writer' | 'before'>,
): SqlReply | 'write' => {
  if (row === undefined) return 'gone';
  const tail = { epoch: Number(row['epoch']), seq: Number(row['seq']) };
  const isEnded = row['outcome'] !== '';
  const isSame = batch.epoch === tail.epoch && batch.writer === row['writer'];
  // A late duplicate: this writer has already written in a later epoch.
  if (batch.epoch < tail.epoch && batch.writer === row['writer']) return 'done';
  if (batch.epoch < tail.epoch || (batch.epoch === tail.epoch && !isSame)) return isEnded ? 'closed' : 'fenced';
  if (isSame && batch.seq <= tail.seq) return 'done';
  if (isEnded) return 'closed';
  return batch.before !== undefined && isAfter(batch.before, tail) ? 'behind' : 'write';
};

const isAfter = (a: Place, b: Place): boolean => a.epoch > b.epoch || (a.epoch === b.epoch && a.seq > b.seq);

/** Drops the oldest batches of a run that has become too large, but never the newest one. */
export function* trimRun(run: number, bytes: number, maxBytesPerRun: number): SqlSteps<void> {
  let kept = bytes;
  while (kept > maxBytesPerRun) {
    const oldest = yield* sql(
      'SELECT epoch, seq, bytes FROM chatkit_log_batch WHERE run = $1 ORDER BY epoch, seq LIMIT 33',
      [run],
    );
    let last: SqlRow | undefined;
    for (const row of oldest.slice(0, -1)) {
      if (kept <= maxBytesPerRun) break;
      kept -= Number(row['bytes']);
      last = row;
    }
    if (last === undefined) return;
    const place = [run, last['epoch'], last['seq']];
    yield* sql('DELETE FROM chatkit_log_batch WHERE run = $1 AND (epoch, seq) <= ($2, $3)', place);
    yield* sql('UPDATE chatkit_log_run SET dropped_epoch = $2, dropped_seq = $3, bytes = $4 WHERE number = $1', [
      ...place,
      kept,
    ]);
  }
}
