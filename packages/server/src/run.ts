/**
 * A run: it pumps the events of one turn into its log (`run-writer.ts`) and settles exactly once, however the turn
 * ends: its own end, an error, a stop by anybody.
 */
import {
  ChatKitError,
  compareOffsets,
  formatOffset,
  type LogEntry,
  type ReadOptions,
  type RunOutcome,
  rowLaneOf,
  type StreamLog,
  type TextRow,
} from '@chatkit/core';
import { EventFrames } from './event-frames.ts';
import { type TurnResult, toErrorEvent } from './process-events.ts';
import type { Turn } from './requests/turn.ts';
import { initialRunState, isSettled, nextRunState, outcomeOfStop, type RunState, type StopCause } from './run-state.ts';
import { type RunOwner, RunWriter } from './run-writer.ts';
import type { DisconnectPolicy, Settings } from './settings.ts';
import { watchDeadlines } from './watch-deadlines.ts';

/** One reader's hold on a run. While it is held, the run has somebody to run for. */
export interface ReaderHold {
  /** Aborts on release. */
  readonly signal: AbortSignal;
  /** Lets go. Only the first call counts. */
  release(): void;
}

/** Where a run that has begun is: in this process, or, where two were asked to start it, on the other machine. */
export type RunPlace = 'here' | 'elsewhere';

/** Reads a run of another machine, from when its log is there. */
export type Follow = (options?: ReadOptions) => AsyncIterable<LogEntry | TextRow>;

export interface Run {
  readonly id: string;
  readonly threadId: string;
  /** Whether clients may come back to it: it was started by one that can. */
  readonly resumable: boolean;
  /**
   * Resolves when the first event is in the log, or when another machine turns out to have the run; rejects when the
   * turn could not begin, or was stopped before.
   */
  readonly opened: Promise<RunPlace>;
  /** Resolves, once, when the terminal entry is in the log. Never rejects. */
  readonly settled: Promise<RunOutcome>;
  /** What its readers are sent. */
  readonly frames: EventFrames;
  state(): RunState;
  /** The offset of the newest entry; of the position before the first one while there is none. Not known elsewhere. */
  lastOffset(): string | undefined;
  /** Its entries, text perhaps by the row. A reader may come before it is known which machine writes them. */
  read(options?: ReadOptions): AsyncIterable<LogEntry | TextRow>;
  readers(): number;
  hold(): ReaderHold;
  /** Gives it the log, which must be there. What it has said before goes into it. */
  own(owner: RunOwner): Promise<void>;
  /** Whether the log is this run's to delete. */
  ownsLog(): boolean;
  /** Another machine has been granted this run: readers follow it there by `follow`, nothing is written here. */
  handOver(follow: Follow): void;
  /** Runs the turn that `prepare` makes. Resolves when the run has settled. */
  start(prepare: () => Promise<Turn>): Promise<void>;
  /** Asks it to stop. The first cause counts; after the end nothing does. */
  stop(cause: StopCause): void;
}

export interface RunOptions {
  id: string;
  threadId: string;
  resumable: boolean;
  /** What becomes of it when nobody reads it any more. */
  disconnect: DisconnectPolicy;
  log: StreamLog;
  settings: Settings;
  /** Called when a reader let go. */
  onRelease?: (() => void) | undefined;
  /** Called when nobody reads it here, and it is to stop for that: calls `stop` unless somebody reads it elsewhere. */
  onUnread?: ((stop: () => void) => void) | undefined;
}

/** What those are told who wait for a run to begin. */
export const stoppedBefore = (): ChatKitError =>
  new ChatKitError('run.cancelled', 'The run was stopped before it began.', { retryable: true });

/** The position before the first entry. */
export const startOffset: string = formatOffset(1, 0);

export const createRun = (options: RunOptions): Run => {
  const { id, threadId, resumable, disconnect, log, settings, onRelease, onUnread = (stop) => stop() } = options;
  const abort = new AbortController();
  const opening = deferred<RunPlace>();
  /** Resolves when it is known where the entries are. */
  const placing = deferred<void>();
  const settlement = deferred<RunOutcome>();
  const { clock } = settings;
  const lane = rowLaneOf(log) ?? log;
  let state = initialRunState;
  let readers = 0;
  let graceTimer: unknown;
  /** Known from the opening on. A run that opened here is elsewhere once another machine has taken it over. */
  let place: RunPlace | undefined;
  /** The log as it is read here. */
  let follow: Follow = (options) => lane.read(id, options);
  // A rejection is for whoever waits for the opening; nobody may be.
  opening.promise.catch(() => {});
  const open = (at: RunPlace): void => {
    place = at;
    opening.resolve(at);
  };

  const report = (error: unknown) => settings.onError(error, { runId: id, threadId });
  const deadlines = watchDeadlines(settings.deadlines, clock, (code) => stop(code));

  const writer = new RunWriter({
    id,
    log,
    onSaid() {
      if (place === undefined) open('here');
    },
    // Without a log nobody can read on: the turn is stopped as if nobody did.
    onBroken: () => stop('log'),
  });

  /** Ends the run. `failure` is what those are told who wait for an opening that never came. */
  const settle = async (how: TurnResult, failure?: unknown): Promise<void> => {
    deadlines.end();
    if (graceTimer !== undefined) clock.clearTimeout(graceTimer);
    if (isSettled(state)) return;
    const hasOpened = place !== undefined;
    if (state.stop === 'lost') place = 'elsewhere';
    const ended = nextRunState(state, { type: 'end', how });
    if (!isSettled(ended)) return;
    state = ended;
    try {
      // Whoever has the run writes its end.
      if (place !== 'elsewhere') await writer.end(ended.status);
    } catch (error) {
      if (failure === undefined) report(error);
    }
    placing.resolve();
    // Not made for each run that has begun long ago: an error costs its stack.
    if (!hasOpened) opening.reject(failure ?? stoppedBefore());
    settlement.resolve(ended.status);
  };

  const stop = (cause: StopCause): void => {
    const next = nextRunState(state, { type: 'stop', cause });
    if (next === state) return;
    const waiting = state.status === 'queued';
    state = next;
    abort.abort(stopReason(cause));
    writer.stop();
    // A message that was overtaken in the queue still gets its turn to be stored; any other stop ends the waiting.
    if (waiting && cause !== 'superseded') void settle('stopped');
  };

  const pump = async (turn: Turn): Promise<TurnResult> => {
    const watch = {
      waiting: deadlines.waiting,
      arrived() {
        deadlines.arrived();
        // The loop looks at the signal next, so an event that comes after the lease has run out is not stored.
        writer.isHeld();
      },
    };
    try {
      return await turn({ id, threadId, signal: abort.signal, voice: writer, watch });
    } finally {
      await writer.finish();
    }
  };

  async function* readOncePlaced({
    after,
    signal,
  }: ReadOptions = {}): AsyncGenerator<LogEntry | TextRow, void, undefined> {
    await (signal === undefined ? placing.promise : settledOrAborted(placing.promise, signal));
    signal?.throwIfAborted();
    if (writer.hasLog || place === 'elsewhere') yield* follow({ after, signal });
    else
      for (const entry of writer.unwritten)
        if (after === undefined || compareOffsets(entry.offset, after) > 0) yield entry;
  }

  const unread = (): void => {
    if (readers === 0) onUnread(() => readers === 0 && stop('disconnect'));
  };
  const abandoned = (): void => {
    if (disconnect === 'cancel') unread();
    else if (disconnect !== 'continue') graceTimer = clock.setTimeout(unread, disconnect.graceMs);
  };

  return {
    id,
    threadId,
    resumable,
    opened: opening.promise,
    settled: settlement.promise,
    frames: new EventFrames(),
    state: () => state,
    lastOffset: () => (place === 'elsewhere' ? undefined : writer.isEmpty ? startOffset : writer.lastOffset),
    read: (options) => (writer.hasLog || place === 'elsewhere' ? follow(options) : readOncePlaced(options)),
    readers: () => readers,
    stop,
    hold() {
      const controller = new AbortController();
      readers += 1;
      if (graceTimer !== undefined) clock.clearTimeout(graceTimer);
      return {
        signal: controller.signal,
        release() {
          if (controller.signal.aborted) return;
          controller.abort(released);
          readers -= 1;
          if (readers === 0 && !isSettled(state)) abandoned();
          onRelease?.();
        },
      };
    },
    own(as) {
      const written = writer.own(as);
      placing.resolve();
      return written;
    },
    ownsLog: () => writer.hasLog && place !== 'elsewhere',
    handOver(there) {
      if (isSettled(state)) return;
      follow = there;
      open('elsewhere');
      void settle('stopped');
    },
    async start(prepare) {
      const next = nextRunState(state, { type: 'start' });
      if (next === state) return;
      state = next;
      deadlines.start();
      let result: TurnResult;
      let failure: unknown;
      try {
        result = await pump(await prepare());
      } catch (error) {
        result = abort.signal.aborted ? 'stopped' : 'failed';
        if (writer.isEmpty) failure = error;
        else report(error);
        // Under `queue` readers are there before the turn has begun; and a write may fail after it has.
        try {
          if (writer.isHeld()) await writer.sayLast(toErrorEvent(error));
        } catch {
          // The error that counts is reported already.
        }
      }
      await settle(result, failure);
    },
  };
};

/** Why a reader's signal aborts: the same for all, because the one that `abort()` makes by itself costs a stack. */
const released = new DOMException('The reader has let go.', 'AbortError');

/** What `run.signal.reason` is. */
const stopReason = (cause: StopCause): ChatKitError => {
  const outcome = outcomeOfStop(cause);
  if (cause.startsWith('run.')) {
    return new ChatKitError(cause as Extract<StopCause, `run.${string}`>, 'The run took too long.', {
      retryable: true,
    });
  }
  return new ChatKitError(
    outcome === 'interrupted' ? 'run.interrupted' : outcome === 'failed' ? 'run.failed' : 'run.cancelled',
    `The run was stopped (${cause}).`,
    { retryable: true, details: { cause } },
  );
};

/** Waits for `work` or the signal, whichever comes first. Leaves no listener behind. */
const settledOrAborted = (work: Promise<void>, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const onAbort = () => resolve();
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', onAbort, { once: true });
  });

interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
}

const deferred = <T>(): Deferred<T> => {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((onValue, onReason) => {
    resolve = onValue;
    reject = onReason;
  });
  return { promise, resolve, reject };
};
