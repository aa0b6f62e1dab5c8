/**
 * A run of another machine, as known from its record in the lease. Its entries come from the shared log; a run that
 * waits for its thread has none yet, and one that ended while it waited never had any.
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
import type { Held } from './reader-hold.ts';
import { type RunPlace, stoppedBefore } from './run.ts';

export interface RemoteRun extends Held {
  readonly id: string;
  readonly threadId: string;
  /** How the run ended, if it has. */
  readonly outcome: RunOutcome | undefined;
  /** Whether the run was waiting for its thread when its record was read. */
  readonly waits: boolean;
  /**
   * Resolves when the run's first event is in the log. Rejects with `run.cancelled`, as on the run's own machine, when
   * it was stopped before that, and with `run.not_found` when it could not begin.
   */
  opened(signal: AbortSignal): Promise<RunPlace>;
  /** Not known here, only to the log. */
  lastOffset(): undefined;
  /** The encoded frames, shared by the run's readers on this machine. */
  readonly frames: EventFrames;
  read(options?: ReadOptions): AsyncIterable<LogEntry | TextRow>;
}

/** Polling intervals for what another machine does: from the first to the slowest, doubling. */
export const FIRST_ASK_MS = 10;
export const SLOWEST_ASK_MS = 250;

/** Retries without limit, because the lease of the other machine bounds the wait. */
const untilAnswered = { retries: Number.POSITIVE_INFINITY, baseMs: FIRST_ASK_MS, maxMs: SLOWEST_ASK_MS };

const isInProgress = (record: RunRecord | undefined): boolean => record !== undefined && record.outcome === undefined;
const isWaiting = (record: RunRecord | undefined): boolean => isInProgress(record) && record?.epoch === 0;

/**
 * Stops a run on whatever machine, and resolves when it has ended. If its machine dies, the run is reaped or its place
 * in line expires, within the length of the lease. Rejects when the lease is unreachable.
 */
export const stopElsewhere = async (runId: string, lease: RunLease, clock: Clock): Promise<void> => {
  const goesOn = new Error('The run goes on.');
  const end = async () => {
    // The stop is requested on each attempt: a run in line renews no lease, from whose answer it could learn of a lost
    // request.
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
   * Reads the log once it exists. A machine that has just been granted a run has yet to create the log, and a run in
   * line has none; the record is polled for as long as it says that the run is in progress. `orElse` gives the entries
   * of a run that waited and has vanished.
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

  /**
   * If the machine died while the run waited, or the run could not begin, readers get a terminal entry like those of
   * any run.
   */
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
    // Readers are not counted here; see `readers-elsewhere.ts`.
    enter() {},
    leave() {},
  };
};

/** The only entry of a run that never had a log: its end. */
const endOf = (outcome: RunOutcome = 'interrupted', { after }: ReadOptions = {}): LogEntry[] => {
  const offset = formatOffset(1, 1);
  return after === undefined || compareOffsets(offset, after) > 0 ? [{ offset, end: outcome }] : [];
};
