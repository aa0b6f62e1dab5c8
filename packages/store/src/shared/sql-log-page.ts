/**
 * Fetches a run's entries from the database, page by page. One statement per page, so that the entries and the state of
 * the run are consistent.
 */
import { isStorableId, type LogEntry, parseOffset } from '@chatkit/core';
import { collect, pipe, retry } from '@chatkit/stream';
import { decodeBatch } from './batch-text.ts';
import { unreachable } from './log-errors.ts';
import type { SqlLogDatabase } from './sql-log-database.ts';

export interface SqlLogPage {
  /** The number of the run, which changes if the run is deleted and created again. */
  readonly number: number;
  readonly isEnded: boolean;
  /**
   * Whether the run's lease, if it is in the same database, has ended but the log has not: the terminal entry will not
   * come any more.
   */
  readonly isOrphan: boolean;
  /** In order. The first ones may be at or before `after`, because batches are returned whole. */
  readonly entries: readonly LogEntry[];
  /** Whether this is the last page. */
  readonly isWhole: boolean;
}

/** Batches per page. A batch has a few tokens, or up to 64 KiB. */
const pageBatches = 100;

/** Fetches what comes after `after`, oldest first. `expired`: some of it was dropped. */
export type FetchLogPage = (runId: string, after: string | undefined) => Promise<SqlLogPage | 'unknown' | 'expired'>;

/** Retries while the database fails, for up to `unreachableMs`. */
export const createFetchLogPage =
  (database: SqlLogDatabase, unreachableMs: number): FetchLogPage =>
  async (runId, after) => {
    if (!isStorableId(runId)) return 'unknown';
    const giveUpAt = performance.now() + unreachableMs;
    const ask = async function* () {
      yield await fetchPage(database, runId, after);
    };
    try {
      const [page] = await pipe(
        retry(ask, {
          ...{ retries: Number.POSITIVE_INFINITY, baseMs: 20, maxMs: 1_000 },
          when: () => performance.now() < giveUpAt,
        }),
        collect,
      );
      return page as SqlLogPage;
    } catch (error) {
      throw unreachable(runId, error, database.name);
    }
  };

const fetchPage = async (
  { read }: SqlLogDatabase,
  runId: string,
  after: string | undefined,
): Promise<SqlLogPage | 'unknown' | 'expired'> => {
  const { epoch, seq } = (after === undefined ? undefined : parseOffset(after)) ?? { epoch: 0, seq: 0 };
  const rows = await read(pageText, [runId, epoch, seq]);
  const [run] = rows;
  if (run === undefined) return 'unknown';
  const dropped = { epoch: Number(run['dropped_epoch']), seq: Number(run['dropped_seq']) };
  if (dropped.epoch > epoch || (dropped.epoch === epoch && dropped.seq > seq)) return 'expired';
  const entries: LogEntry[] = [];
  for (const row of rows)
    if (typeof row['body'] === 'string')
      entries.push(...decodeBatch(row['body'], Number(row['batch_epoch']), Number(row['batch_seq'])));
  return {
    number: Number(run['number']),
    isEnded: run['outcome'] !== '',
    isOrphan: run['outcome'] === '' && typeof run['lease_outcome'] === 'string',
    entries,
    isWhole: rows.length < pageBatches,
  };
};

const pageText = `
  SELECT run.number, run.outcome, run.dropped_epoch, run.dropped_seq, lease.outcome AS lease_outcome,
         batch.epoch AS batch_epoch, batch.seq AS batch_seq, batch.body
  FROM chatkit_log_run AS run
  LEFT JOIN chatkit_lease_run AS lease ON lease.run_id = run.id
  LEFT JOIN chatkit_log_batch AS batch ON batch.run = run.number AND (batch.epoch, batch.seq) > ($2, $3)
  WHERE run.id = $1 ORDER BY batch.epoch, batch.seq LIMIT ${pageBatches}`;
