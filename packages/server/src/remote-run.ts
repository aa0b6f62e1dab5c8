/** A run of another machine, as far as its record tells. Its entries come from the shared log. */
import {
  isChatKitError,
  type LogEntry,
  type ReadOptions,
  type RunLease,
  type RunOutcome,
  type RunRecord,
  type StreamLog,
} from '@chatkit/core';
import { collect, retry } from '@chatkit/stream';
import type { Clock } from './clock.ts';
import type { ReaderHold, RunPlace } from './run.ts';

export interface RemoteRun {
  readonly id: string;
  readonly threadId: string;
  /** How it ended, if it has. */
  readonly outcome: RunOutcome | undefined;
  /** Resolves when its first event is in the log; rejects with \`run.not_found\` when it could not begin. */
  opened(signal: AbortSignal): Promise<RunPlace>;
  /** Not known here: only the log knows. */
  lastOffset(): undefined;
  read(options?: ReadOptions): AsyncIterable<LogEntry>;
  /** A reader's hold; the owner does not count readers elsewhere. */
  hold(): ReaderHold;
}

/** How often another machine's doings are asked for. */
export const FIRST_ASK_MS = 10;
export const SLOWEST_ASK_MS = 250;

/** Another machine is asked without end: its lease has one. */
const untilAnswered = { retries: Number.POSITIVE_INFINITY, baseMs: FIRST_ASK_MS, maxMs: SLOWEST_ASK_MS };

const isInProgress = (record: RunRecord | undefined): boolean => record !== undefined && record.outcome === undefined;

/**
 * Resolves when a run has ended, wherever it is: its machine ends it, or dies and somebody reaps it, within the lease. Rejects when
 * the lease cannot be asked.
 */
export const untilEnded = async (runId: string, lease: RunLease, clock: Clock): Promise<void> => {
  const goesOn = new Error('The run goes on.');
  const end = async () => {
    if (isInProgress(await lease.find(runId))) throw goesOn;
    return [];
  };
  await collect(retry(end, { ...untilAnswered, when: (error) => error === goesOn, clock }));
};

export interface RemoteRunOptions {
  record: RunRecord;
  log: StreamLog;
  lease: RunLease;
  clock: Clock;
}

export const remoteRun = ({ record, log, lease, clock }: RemoteRunOptions): RemoteRun => {
  const { runId: id, threadId, outcome } = record;

  /** A machine that has just been granted a run has yet to make its log: until then it is waited for. */
  const read = (options?: ReadOptions): AsyncIterable<LogEntry> => {
    let isOver = false;
    return retry<LogEntry>(
      async ({ attempt }) => {
        if (attempt > 0) isOver = !isInProgress(await lease.find(id));
        return log.read(id, options);
      },
      { ...untilAnswered, when: (error) => isChatKitError(error, 'run.not_found') && !isOver, clock },
    );
  };

  return {
    id,
    threadId,
    outcome,
    async opened(signal) {
      if (outcome === undefined) for await (const _ of read({ signal })) break;
      return 'here';
    },
    lastOffset: () => undefined,
    read: (options) => (outcome === undefined ? read(options) : log.read(id, options)),
    hold() {
      const controller = new AbortController();
      return { signal: controller.signal, release: () => controller.abort() };
    },
  };
};
