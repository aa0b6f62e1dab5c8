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
import { toErrorEvent } from './error-event.ts';
import { EventFrames } from './event-frames.ts';
import { type Follower, type LostEnd, readToEnd } from './lost-end.ts';
import type { TurnResult } from './process-events.ts';
import type { Held } from './reader-hold.ts';
import type { Turn } from './requests/turn.ts';
import { initialRunState, isSettled, nextRunState, outcomeOfStop, type RunState, type StopCause } from './run-state.ts';
import { type RunOwner, RunWriter } from './run-writer.ts';
import type { DisconnectPolicy, Settings } from './settings.ts';
import { inTime } from './time-limit.ts';
import { DeadlineWatch } from './watch-deadlines.ts';

/** Where a run that has begun is: in this process, or on another machine that was asked to start the same run. */
export type RunPlace = 'here' | 'elsewhere';

/** Reads the log of a run, which may be on another machine. */
export type Follow = (options?: ReadOptions) => AsyncIterable<LogEntry | TextRow>;

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

/** A class: closures and a promise for each of its turns would be 2 KB more for each run that is open. */
export class Run implements Held {
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
  readonly frames = new EventFrames();
  private readonly options: RunOptions;
  private readonly abort = new AbortController();
  private readonly writer: RunWriter;
  private readonly deadlines: DeadlineWatch;
  private current = initialRunState;
  private readerCount = 0;
  private graceTimer: unknown;
  /** Set until the run opens. */
  private opening: Deferred<RunPlace> | undefined;
  private resolveSettled!: (outcome: RunOutcome) => void;
  /** For readers who come before it is known which machine writes the entries. */
  private placing: Deferred<void> | undefined;
  /** Set when the run opens. A run that opened here is `elsewhere` once another machine has taken it over. */
  private place: RunPlace | undefined;
  /** Reads it on another machine. */
  private readElsewhere: Follow | undefined;
  private readonly followers = new Set<Follower>();
  /** Set when the log has refused the terminal entry, which readers here get all the same. */
  private lostEnd: LostEnd | undefined;

  constructor(options: RunOptions) {
    const { id, threadId, resumable, log, settings } = options;
    this.id = id;
    this.threadId = threadId;
    this.resumable = resumable;
    this.options = options;
    this.opening = deferred();
    this.opened = this.opening.promise;
    // Perhaps nobody waits for the opening; a rejection must not be reported as unhandled then.
    this.opened.catch(() => {});
    this.settled = new Promise((resolve) => {
      this.resolveSettled = resolve;
    });
    this.deadlines = new DeadlineWatch(settings.deadlines, settings.clock, (code) => this.stop(code));
    this.writer = new RunWriter(id, log, this);
  }

  state(): RunState {
    return this.current;
  }

  /**
   * The offset of the newest entry, or the position before the first one. `undefined` if the run is on another machine.
   */
  lastOffset(): string | undefined {
    const { place, writer } = this;
    return place === 'elsewhere' ? undefined : writer.isEmpty ? startOffset : writer.lastOffset;
  }

  /** Reads the run's entries; text may come as rows. May be called before it is known which machine writes them. */
  read(options?: ReadOptions): AsyncIterable<LogEntry | TextRow> {
    return this.isPlaced ? this.readPlaced(options) : this.readOncePlaced(options);
  }

  /** Counts a connection among those that are told of an end that the log does not have. */
  follow(follower: Follower): void {
    this.followers.add(follower);
  }

  unfollow(follower: Follower): void {
    this.followers.delete(follower);
  }

  readers(): number {
    return this.readerCount;
  }

  enter(): void {
    this.readerCount += 1;
    this.options.settings.clock.clearTimeout(this.graceTimer);
  }

  leave(): void {
    this.readerCount -= 1;
    if (this.readerCount === 0 && !isSettled(this.current)) this.abandoned();
    this.options.onRelease?.();
  }

  /** Grants the run its log, which must have been created. Earlier entries are written into it. */
  own(as: RunOwner): Promise<void> {
    const written = this.writer.own(as);
    this.placing?.resolve();
    return written;
  }

  /** Whether the log is this run's to delete. */
  ownsLog(): boolean {
    return this.writer.hasLog && this.place !== 'elsewhere';
  }

  /** Another machine has been granted this run: readers here continue by `follow`, and nothing is written here. */
  handOver(follow: Follow): void {
    if (isSettled(this.current)) return;
    this.readElsewhere = follow;
    this.open('elsewhere');
    void this.settle('stopped');
  }

  /** Runs the turn that `prepare` makes. Resolves when the run has settled. */
  async start(prepare: () => Promise<Turn>): Promise<void> {
    const next = nextRunState(this.current, { type: 'start' });
    if (next === this.current) return;
    this.current = next;
    this.deadlines.start();
    const { id, threadId, writer } = this;
    const { signal } = this.abort;
    let result: TurnResult;
    let failure: unknown;
    try {
      const turn = await prepare();
      try {
        result = await turn({ id, threadId, signal, writer, watch: this });
      } finally {
        writer.finish();
      }
    } catch (error) {
      result = signal.aborted ? 'stopped' : 'failed';
      if (writer.isEmpty) failure = error;
      else this.report(error);
      // Readers may be attached already: under `queue` before the turn begins, and always when a write fails later.
      try {
        if (writer.isHeld()) await this.inTime(() => writer.writeLast(toErrorEvent(error)));
      } catch {
        // The original error has been reported already.
      }
    }
    await this.settle(result, failure);
  }

  /** Asks the run to stop. The first cause counts; after the end there is no effect. */
  stop(cause: StopCause): void {
    const next = nextRunState(this.current, { type: 'stop', cause });
    if (next === this.current) return;
    const isWaiting = this.current.status === 'queued';
    this.current = next;
    this.abort.abort(stopReason(cause));
    this.writer.stop();
    // A message that was superseded in the queue still gets its turn, to be stored; any other stop ends the wait.
    if (isWaiting && cause !== 'superseded') void this.settle('stopped');
  }

  /** The loop waits for the application. */
  waiting(first: boolean): void {
    this.deadlines.waiting(first);
  }

  /** The loop no longer waits. */
  arrived(): void {
    this.deadlines.arrived();
    // Checked for its effect: a run whose lease has run out is stopped. The loop checks the signal next, so the
    // event is not stored.
    this.writer.isHeld();
  }

  /** The writer has written an event. */
  onWritten(): void {
    if (this.place === undefined) this.open('here');
  }

  /** The log has failed. Nobody can read on, so the turn is stopped. */
  onBroken(): void {
    this.stop('log');
  }

  private open(at: RunPlace): void {
    this.place = at;
    this.opening?.resolve(at);
    this.opening = undefined;
  }

  /** Waits for an append that the run cannot end without. */
  private inTime(append: () => Promise<void>): Promise<void> {
    return inTime(this.options.settings, 'log.append', append);
  }

  private report(error: unknown): void {
    this.options.settings.onError(error, { runId: this.id, threadId: this.threadId });
  }

  /** Ends the run. `failure` is the error for those who wait for an opening that will not come. */
  private async settle(how: TurnResult, failure?: unknown): Promise<void> {
    this.deadlines.end();
    this.options.settings.clock.clearTimeout(this.graceTimer);
    if (isSettled(this.current)) return;
    const { opening } = this;
    if (this.current.stop === 'lost') this.place = 'elsewhere';
    const ended = nextRunState(this.current, { type: 'end', how });
    if (!isSettled(ended)) return;
    this.current = ended;
    const { lastOffset } = this.writer;
    try {
      // The machine that owns the run writes its terminal entry.
      if (this.place !== 'elsewhere') await this.inTime(() => this.writer.end(ended.status));
    } catch (error) {
      if (failure === undefined) this.report(error);
      this.lostEnd = { after: lastOffset, entry: { offset: this.writer.lastOffset, end: ended.status } };
      for (const follower of this.followers) follower.readOn((after) => this.read({ after }));
    }
    this.placing?.resolve();
    // The error is made only if it is needed, because capturing its stack costs.
    opening?.reject(failure ?? stoppedBefore());
    this.resolveSettled(ended.status);
  }

  private get isPlaced(): boolean {
    return this.writer.hasLog || this.place === 'elsewhere';
  }

  private readPlaced(options?: ReadOptions): AsyncIterable<LogEntry | TextRow> {
    const { log } = this.options;
    const read = (): AsyncIterable<LogEntry | TextRow> => (rowLaneOf(log) ?? log).read(this.id, options);
    if (this.readElsewhere !== undefined) return this.readElsewhere(options);
    return this.lostEnd === undefined ? read() : readToEnd(read(), this.lostEnd, options, this.options.settings.clock);
  }

  private async *readOncePlaced({
    after,
    signal,
  }: ReadOptions = {}): AsyncGenerator<LogEntry | TextRow, void, undefined> {
    if (!this.isPlaced && !isSettled(this.current)) {
      this.placing ??= deferred();
      await (signal === undefined ? this.placing.promise : settledOrAborted(this.placing.promise, signal));
    }
    signal?.throwIfAborted();
    if (this.isPlaced) yield* this.readPlaced({ after, signal });
    else
      for (const entry of this.writer.unwritten)
        if (after === undefined || compareOffsets(entry.offset, after) > 0) yield entry;
  }

  private abandoned(): void {
    const { disconnect, settings } = this.options;
    if (disconnect === 'cancel') this.unread();
    else if (disconnect !== 'continue')
      this.graceTimer = settings.clock.setTimeout(() => this.unread(), disconnect.graceMs);
  }

  private unread(): void {
    if (this.readerCount > 0) return;
    const stop = () => {
      if (this.readerCount === 0) this.stop('disconnect');
    };
    if (this.options.onUnread === undefined) stop();
    else this.options.onUnread(stop);
  }
}

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
