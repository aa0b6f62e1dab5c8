/**
 * A run, which is one execution of `respond()` or `action()`: it pumps the events of one turn into its log
 * (`run-writer.ts`) and settles exactly once, whether the turn completes, fails or is stopped.
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

/** One reader's hold on a run. A run without holds ends or goes on as its disconnect policy says. */
export interface ReaderHold {
  /** Aborts on release. */
  readonly signal: AbortSignal;
  /** Releases the hold. Only the first call counts. */
  release(): void;
}

/** Where a run that has begun is: in this process, or on another machine that was asked to start the same run. */
export type RunPlace = 'here' | 'elsewhere';

/** Reads the log of a run, which may be on another machine. */
export type Follow = (options?: ReadOptions) => AsyncIterable<LogEntry | TextRow>;

export interface Run {
  readonly id: string;
  readonly threadId: string;
  /** Whether clients may resume it, because the one that started it can. */
  readonly resumable: boolean;
  /**
   * Resolves when the first event is in the log, or when another machine turns out to have the run. Rejects when the
   * turn could not begin or was stopped before it did.
   */
  readonly opened: Promise<RunPlace>;
  /** Resolves, once, when the terminal entry is in the log. Never rejects. */
  readonly settled: Promise<RunOutcome>;
  /** The encoded frames, shared by the run's readers. */
  readonly frames: EventFrames;
  state(): RunState;
  /**
   * The offset of the newest entry, or the position before the first one. `undefined` if the run is on another machine.
   */
  lastOffset(): string | undefined;
  /** Reads the run's entries; text may come as rows. May be called before it is known which machine writes them. */
  read(options?: ReadOptions): AsyncIterable<LogEntry | TextRow>;
  readers(): number;
  hold(): ReaderHold;
  /** Grants the run its log, which must have been created. Earlier entries are written into it. */
  own(owner: RunOwner): Promise<void>;
  /** Whether the log is this run's to delete. */
  ownsLog(): boolean;
  /** Another machine has been granted this run: readers here continue by `follow`, and nothing is written here. */
  handOver(follow: Follow): void;
  /** Runs the turn that `prepare` makes. Resolves when the run has settled. */
  start(prepare: () => Promise<Turn>): Promise<void>;
  /** Asks the run to stop. The first cause counts; after the end there is no effect. */
  stop(cause: StopCause): void;
}

export interface RunOptions {
  id: string;
  threadId: string;
  resumable: boolean;
  /** What happens to the run when its last reader leaves. */
  disconnect: DisconnectPolicy;
  log: StreamLog;
  settings: Settings;
  /** Called when a reader has released its hold. */
  onRelease?: (() => void) | undefined;
  /**
   * Called when the run is to stop because it has no reader here. Must call `stop` unless somebody reads the run on
   * another machine.
   */
  onUnread?: ((stop: () => void) => void) | undefined;
}

/** The error for those who wait for a run that was stopped before it began. */
export const stoppedBefore = (): ChatKitError =>
  new ChatKitError('run.cancelled', 'The run was stopped before it began.', { retryable: true });

/** The position before the first entry. */
export const startOffset: string = formatOffset(1, 0);

export const createRun = (options: RunOptions): Run => {
  const { id, threadId, resumable, disconnect, log, settings, onRelease, onUnread = (stop) => stop() } = options;
  const abort = new AbortController();
  const opening = deferred<RunPlace>();
  /** Resolves when it is known which machine writes the entries. */
  const placing = deferred<void>();
  const settlement = deferred<RunOutcome>();
  const { clock } = settings;
  const lane = rowLaneOf(log) ?? log;
  let state = initialRunState;
  let readers = 0;
  let graceTimer: unknown;
  /** Set when the run opens. A run that opened here is `elsewhere` once another machine has taken it over. */
  let place: RunPlace | undefined;
  /** The log as it is read here. */
  let follow: Follow = (options) => lane.read(id, options);
  // Perhaps nobody waits for the opening; a rejection must not be reported as unhandled then.
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
    // Nobody can read on once the log has failed, so the turn is stopped.
    onBroken: () => stop('log'),
  });

  /** Ends the run. `failure` is the error for those who wait for an opening that will not come. */
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
      // The machine that owns the run writes its terminal entry.
      if (place !== 'elsewhere') await writer.end(ended.status);
    } catch (error) {
      if (failure === undefined) report(error);
    }
    placing.resolve();
    // The error is made only if it is needed, because capturing its stack costs.
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
    // A message that was superseded in the queue still gets its turn, to be stored; any other stop ends the wait.
    if (waiting && cause !== 'superseded') void settle('stopped');
  };

  const pump = async (turn: Turn): Promise<TurnResult> => {
    const watch = {
      waiting: deadlines.waiting,
      arrived() {
        deadlines.arrived();
        // Checked for its effect: a run whose lease has run out is stopped. The loop checks the signal next, so the
        // event is not stored.
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
        // Readers may be attached already: under `queue` before the turn begins, and always when a write fails later.
        try {
          if (writer.isHeld()) await writer.sayLast(toErrorEvent(error));
        } catch {
          // The original error has been reported already.
        }
      }
      await settle(result, failure);
    },
  };
};

/**
 * The abort reason of every reader's signal. Shared, because the one that `abort()` makes by default captures a stack.
 */
const released = new DOMException('The reader has let go.', 'AbortError');

/** The value of `run.signal.reason`. */
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

/** Waits for `work` or the signal, whichever comes first. Leaves no listener behind once `work` has settled. */
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
