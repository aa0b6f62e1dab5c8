/**
 * A run of another machine, as far as its record tells. Its entries come from the shared log; one that waits for its
 * thread has none yet, and one that ended as it waited never had.
 */
import {
  ChatKitError,
  compareOffsets,
  formatOffset,
  isChatKitError,
  type LogEntry,
  type ReadOptions,
  type RunLease,
  type RunOutcome,
  type RunRecord,
  type StreamLog,
  type TextRow,
} from '@chatkit/core';
import { collect, retry } from '@chatkit/stream';
import type { Clock } from './clock.ts';
import { EventFrames } from './event-frames.ts';
import { type ReaderHold, type RunPlace, stoppedBefore } from './run.ts';

export interface RemoteRun {
  readonly id: string;
  readonly threadId: string;
  /** How it ended, if it has. */
  readonly outcome: RunOutcome | undefined;
  /** Whether it waited for its thread when it was found. */
  readonly waits: boolean;
  /**
   * Resolves when its first event is in the log. Rejects as on its own machine when it was stopped before, and with
   * `run.not_found` when it could not begin.
   */
  opened(signal: AbortSignal): Promise<RunPlace>;
  /** Not known here: only the log knows. */
  lastOffset(): undefined;
  /** What its readers are sent. */
  readonly frames: EventFrames;
  read(options?: ReadOptions): AsyncIterable<LogEntry | TextRow>;
  /** A reader's hold; the owner does not count readers elsewhere. */
  hold(): ReaderHold;
}

/** How often another machine's doings are asked for. */
export const FIRST_ASK_MS = 10;
export const SLOWEST_ASK_MS = 250;

/** Another machine is asked without end: its lease has one. */
const untilAnswered = { retries: Number.POSITIVE_INFINITY, baseMs: FIRST_ASK_MS, maxMs: SLOWEST_ASK_MS };

const isInProgress = (record: RunRecord | undefined): boolean => record !== undefined && record.outcome === undefined;
const isWaiting = (record: RunRecord | undefined): boolean => isInProgress(record) && record?.epoch === 0;

/**
 * Stops a run, wherever it is, and resolves when it has ended: its machine ends it, or dies, and somebody reaps it or
 * its place goes, within the lease. Rejects when the lease cannot be asked.
 */
export const stopElsewhere = async (runId: string, lease: RunLease, clock: Clock): Promise<void> => {
  const goesOn = new Error('The run goes on.');
  const end = async () => {
    // Asked again each time: one that waits renews nothing, so a message that is lost would leave it waiting.
    await lease.requestStop(runId, 'cancel');
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
  const notYet = new ChatKitError('run.not_found', 'The run waits for its thread.');

  /**
   * A machine that has just been granted a run has yet to make its log, and one whose run waits is not heard of in it:
   * until then it is waited for, for as long as the record says so. `orElse`: what is read of a run that waited and is
   * gone.
   */
  const readWhenThere = (orElse: () => LogEntry[], options?: ReadOptions): AsyncIterable<LogEntry> => {
    let known: RunRecord | undefined = record;
    return retry<LogEntry>(
      async ({ attempt }) => {
        options?.signal?.throwIfAborted();
        if (attempt > 0) known = await lease.find(id);
        if (isWaiting(known)) throw notYet;
        if (known === undefined && isWaiting(record)) return orElse();
        return known?.epoch === 0 ? endOf(known.outcome, options) : log.read(id, options);
      },
      { ...untilAnswered, when: (error) => isChatKitError(error, 'run.not_found') && isInProgress(known), clock },
    );
  };

  /** Its machine died, or the run could not begin: readers are told an end, as those of a run that has begun are. */
  const read = (options?: ReadOptions) => readWhenThere(() => endOf('interrupted', options), options);

  return {
    id,
    threadId,
    outcome,
    waits: isWaiting(record),
    frames: new EventFrames(),
    async opened(signal) {
      const gone = () => {
        throw new ChatKitError('run.not_found', 'The run could not begin.');
      };
      if (outcome !== undefined && record.epoch > 0) return 'here';
      for await (const entry of readWhenThere(gone, { signal })) {
        if ('end' in entry) throw stoppedBefore();
        break;
      }
      return 'here';
    },
    lastOffset: () => undefined,
    read,
    hold() {
      const controller = new AbortController();
      return { signal: controller.signal, release: () => controller.abort() };
    },
  };
};

/** All there is to read of a run that never had a log. */
const endOf = (outcome: RunOutcome = 'interrupted', { after }: ReadOptions = {}): LogEntry[] => {
  const offset = formatOffset(1, 1);
  return after === undefined || compareOffsets(offset, after) > 0 ? [{ offset, end: outcome }] : [];
};
