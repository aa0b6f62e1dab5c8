/**
 * Writes the batches of many runs in three statements, because each statement is a round trip. All values travel as one
 * JSON text, because clients differ in how they accept arrays.
 */
import { judge, type SqlBatch, type SqlReply, trimRun, type WriteBatches } from '../shared/sql-log-steps.ts';
import type { SqlRow } from '../shared/sql-port.ts';
import { type SqlSteps, sql } from '../shared/sql-steps.ts';

/** A run's row, with the changes that are to be written. */
interface Written {
  readonly number: number;
  epoch: number;
  seq: number;
  writer: string;
  outcome: string;
  bytes: number;
  expires_ms: number | null;
}

/** Rows are locked in the order of their numbers, so that two machines cannot deadlock. */
const selectText = `
  SELECT number, id, epoch, seq, writer, outcome, bytes FROM chatkit_log_run
  WHERE number IN (SELECT value::bigint FROM json_array_elements_text($1::json))
     OR id IN (SELECT value FROM json_array_elements_text($2::json))
  ORDER BY number FOR UPDATE`;

const updateText = `
  UPDATE chatkit_log_run AS run
  SET epoch = new.epoch, seq = new.seq, writer = new.writer, outcome = new.outcome, bytes = new.bytes,
      expires_ms = coalesce(new.expires_ms, run.expires_ms)
  FROM json_to_recordset($1::json)
    AS new (number bigint, epoch bigint, seq bigint, writer text, outcome text, bytes bigint, expires_ms bigint)
  WHERE run.number = new.number`;

const insertText = `
  INSERT INTO chatkit_log_batch (run, epoch, seq, bytes, body)
  SELECT run, epoch, seq, bytes, body FROM json_to_recordset($1::json)
    AS new (run bigint, epoch bigint, seq bigint, bytes bigint, body text)`;

export const writePostgresBatches: WriteBatches = function* (
  batches: readonly SqlBatch[],
  maxBytesPerRun: number,
): SqlSteps<SqlReply[]> {
  const numbers = batches.map(({ run }) => run).filter((run) => typeof run === 'number');
  const ids = batches.map(({ run }) => run).filter((run) => typeof run === 'string');
  const found = yield* sql(selectText, [JSON.stringify(numbers), JSON.stringify(ids)]);
  const runs = new Map<number | string, Written>();
  for (const row of found) {
    const run = writtenOf(row);
    runs.set(run.number, run);
    runs.set(row['id'] as string, run);
  }
  const changed = new Set<Written>();
  const inserted: unknown[] = [];
  const replies = batches.map((batch): SqlReply => {
    const run = runs.get(batch.run);
    const reply = judge(run as SqlRow | undefined, batch);
    if (reply !== 'write' || run === undefined) return reply === 'write' ? 'gone' : reply;
    const { epoch, seq, writer, outcome, bytes, text } = batch;
    Object.assign(run, { epoch, seq, writer, outcome, bytes: run.bytes + bytes });
    run.expires_ms = batch.expiresMs ?? run.expires_ms;
    changed.add(run);
    inserted.push({ run: run.number, epoch, seq, bytes, body: text });
    return 'done';
  });
  if (inserted.length === 0) return replies;
  yield* sql(updateText, [JSON.stringify([...changed])]);
  yield* sql(insertText, [JSON.stringify(inserted)]);
  for (const { number, bytes } of changed) yield* trimRun(number, bytes, maxBytesPerRun);
  return replies;
};

const writtenOf = (row: SqlRow): Written => ({
  number: Number(row['number']),
  epoch: Number(row['epoch']),
  seq: Number(row['seq']),
  writer: row['writer'] as string,
  outcome: row['outcome'] as string,
  bytes: Number(row['bytes']),
  expires_ms: null,
});
