/**
 * Polls the state of runs in the database, in one statement for all of them, so that readers of a run that nobody
 * writes need not query. One poll is under way at a time.
 */
import { longestTimerMs } from './longest-timer.ts';
import type { SqlLogDatabase, SqlLogOthers } from './sql-log-database.ts';
import type { SqlRow } from './sql-port.ts';

/** The state of a run in the database. */
export interface LogHead {
  /** The number of the run, which changes if the run is deleted and created again. */
  readonly number: number;
  /** The run's writer; '' if nobody has written yet. */
  readonly writer: string;
  /** Changes when there may be more to read. */
  readonly state: string;
}

export interface HeadWatchOptions<T> {
  readonly database: SqlLogDatabase;
  readonly everyMs: number;
  /** Whether the process may exit while the watch runs. Default: no. */
  readonly isBackground?: boolean | undefined;
  /** Returns the runs to look for: a value of the caller's for each run id. `undefined` ends the watch. */
  readonly asked: () => ReadonlyMap<string, T> | undefined;
  /**
   * Called for each of these runs, unless nothing can have been written since the last poll. `undefined`: there is no
   * such run.
   */
  readonly onHead: (asked: T, head: LogHead | undefined) => void;
  /** Called when a poll has failed, as have all that began in the last `failingMs`. */
  readonly onFailure?: ((error: unknown, failingMs: number) => void) | undefined;
}

export interface HeadWatch {
  /** Starts polling; the first poll is after `everyMs`. Does nothing if nobody else writes to the database. */
  start(): void;
  stop(): void;
}

export const createHeadWatch = <T>(options: HeadWatchOptions<T>): HeadWatch => {
  const { database, everyMs, isBackground = false, asked, onHead, onFailure } = options;
  const { others } = database;
  let timer: ReturnType<typeof setInterval> | undefined;
  let progress: 'resting' | 'looking' = 'resting';
  let version: number | undefined;
  let failingSince: number | undefined;

  const stop = (): void => {
    clearInterval(timer);
    timer = undefined;
    version = undefined;
  };
  const find = async ({ values, version: versionNow }: SqlLogOthers): Promise<void> => {
    const wanted = asked();
    if (wanted === undefined) return stop();
    const now = versionNow?.();
    if (now !== undefined && now === version) return;
    const rows = await database.read(headText(values), [JSON.stringify([...wanted.keys()])]);
    version = now;
    const heads = new Map(rows.map((row) => [String(row['id']), headOf(row)]));
    for (const [runId, each] of wanted) onHead(each, heads.get(runId));
  };
  const look = async (from: SqlLogOthers): Promise<void> => {
    if (progress === 'looking') return;
    progress = 'looking';
    const startedAt = performance.now();
    try {
      await find(from);
      failingSince = undefined;
    } catch (error) {
      failingSince ??= startedAt;
      onFailure?.(error, performance.now() - failingSince);
    }
    progress = 'resting';
  };

  return {
    start() {
      if (others === undefined || timer !== undefined) return;
      timer = setInterval(() => void look(others), Math.min(everyMs, longestTimerMs));
      if (isBackground) (timer as { unref?: () => void }).unref?.();
    },
    stop,
  };
};

const headText = (values: string): string => `
  SELECT run.id, run.number, run.writer, run.epoch, run.seq, run.outcome, lease.outcome AS lease_outcome
  FROM chatkit_log_run AS run LEFT JOIN chatkit_lease_run AS lease ON lease.run_id = run.id
  WHERE run.id IN (SELECT value FROM ${values})`;

const headOf = (row: SqlRow): LogHead => ({
  number: Number(row['number']),
  writer: String(row['writer']),
  state: ['number', 'epoch', 'seq', 'outcome', 'lease_outcome'].map((column) => row[column]).join(),
});
