/**
 * A run, which is one execution of `respond()` or `action()`: it pumps the events of one turn into its log
 * (`run-writer.ts`) and settles exactly once, whether the turn completes, fails or is stopped.
 */
import {
  ChatKitError,
  formatOffset,
  type LogEntry,
  type ReadOptions,
  type RunOutcome,
  type TextRow,
} from '@chatkit/core';
import { type Deferred, deferred } from './deferred.ts';
import { toErrorEvent } from './error-event.ts';
import { EventFrames } from './event-frames.ts';
import type { Follower } from './lost-end.ts';
import type { TurnResult } from './process-events.ts';
import type { Held } from './reader-hold.ts';
import type { Turn } from './requests/turn.ts';
import { type Follow, RunEntries, type RunEntriesOptions } from './run-entries.ts';
import { type OnRun, type RunBegin, RunObserver } from './run-observer.ts';
import { RunReaders, type RunReadersOptions } from './run-readers.ts';
import { initialRunState, isSettled, nextRunState, type RunState, type StopCause, stopReason } from './run-state.ts';
import { type RunOwner, RunWriter } from './run-writer.ts';
import type { Settings } from './settings.ts';
import { inTime } from './time-limit.ts';
import { DeadlineWatch } from './watch-deadlines.ts';

/** Where a run that has begun is: in this process, or on another machine that was asked to start the same run. */
export type RunPlace = 'here' | 'elsewhere';

export interface RunOptions extends RunEntriesOptions, RunReadersOptions {
  threadId: string;
  resumable: boolean;
  settings: Settings;
  /** For `onRun`. */
  userId?: string | undefined;
  requestType: RunBegin['requestType'];
  /** Called when a reader has released its hold. */
  onRelease?: (() => void) | undefined;
}

/** The error for those who wait for a run that was stopped before it began. */
export const stoppedBefore = (): ChatKitError =>
  new ChatKitError('run.cancelled', 'The run was stopped before it began.', { retryable: true });

/** The error for those whose run does not begin because the server is shut down: they may ask another one. */
export const serverClosing = (): ChatKitError =>
  new ChatKitError('server.closing', 'The server is closing.', { retryable: true });

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
  private readonly entries: RunEntries;
  private readonly held: RunReaders;
  private readonly deadlines: DeadlineWatch;
  /** The same, if it has a deadline that each event moves. */
  private readonly silence: DeadlineWatch | undefined;
  private readonly observer: RunObserver | undefined;
  private current = initialRunState;
  /** Set until the run opens. */
  private opening: Deferred<RunPlace> | undefined;
  private resolveSettled!: (outcome: RunOutcome) => void;
  /** Set when the run opens. A run that opened here is `elsewhere` once another machine has taken it over. */
  private place: RunPlace | undefined;

  constructor(options: RunOptions) {
    const { id, threadId, resumable, log, settings } = options;
    this.id = id;
    this.threadId = threadId;
    this.resumable = resumable;
    this.options = options;
    this.opening = deferred();
    this.opened = this.opening.promise;
    this.settled = new Promise((resolve) => {
      this.resolveSettled = resolve;
    });
    const { firstEventMs, idleMs } = settings.deadlines;
    this.deadlines = new DeadlineWatch(settings.deadlines, settings.clock, (code) => this.stop(code));
    this.silence = firstEventMs === undefined && idleMs === undefined ? undefined : this.deadlines;
    this.writer = new RunWriter(id, log, this);
    this.entries = new RunEntries(options, this.writer.unwritten);
    this.held = new RunReaders(options, () => this.stop('disconnect'));
    this.observer = settings.onRun && this.observerFor(settings.onRun);
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
    return this.entries.read(options);
  }

  /** Counts a connection among those that are told of an end that the log does not have. */
  follow(follower: Follower): void {
    this.entries.follow(follower);
  }

  unfollow(follower: Follower): void {
    this.entries.unfollow(follower);
  }

  readers(): number {
    return this.held.count;
  }

  enter(): void {
    this.held.enter();
  }

  leave(): void {
    this.held.leave();
    this.options.onRelease?.();
  }

  /** Grants the run its log, which must have been created. Earlier entries are written into it. */
  own(as: RunOwner): Promise<void> {
    const written = this.writer.own(as);
    this.entries.placeIn('log');
    return written;
  }

  /** Whether the log is this run's to delete. */
  ownsLog(): boolean {
    return this.writer.hasLog && this.place !== 'elsewhere';
  }

  /** Another machine has been granted this run: readers here continue by `follow`, and nothing is written here. */
  handOver(follow: Follow): void {
    if (isSettled(this.current)) return;
    this.entries.placeIn(follow);
    this.open('elsewhere');
    void this.settle('stopped');
  }

  /** Runs the turn that `prepare` makes. Resolves when the run has settled. */
  async start(prepare: () => Promise<Turn>): Promise<void> {
    const next = nextRunState(this.current, { type: 'start' });
    if (next === this.current) return;
    this.current = next;
    this.deadlines.start();
    const { id, threadId, writer, observer } = this;
    const { signal } = this.abort;
    let result: TurnResult;
    let failure: unknown;
    try {
      const turn = await prepare();
      try {
        result = await turn({ id, threadId, signal, writer: observer ?? writer, watch: observer ?? this });
      } finally {
        writer.finish();
      }
    } catch (error) {
      result = signal.aborted ? 'stopped' : 'failed';
      observer?.failed(error);
      if (writer.isEmpty) failure = error ?? new Error(`It threw ${error}.`);
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
    this.silence?.waiting(first);
  }

  /** The loop no longer waits. A run whose lease has run out is stopped by this, so nothing more of it is stored. */
  arrived(): boolean {
    this.silence?.arrived();
    return this.writer.isHeld();
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
    if (isSettled(this.current)) return;
    const { opening } = this;
    const { stop } = this.current;
    if (stop === 'lost') {
      this.place = 'elsewhere';
      this.entries.placeIn('log');
    }
    const ended = nextRunState(this.current, { type: 'end', how });
    if (!isSettled(ended)) return;
    this.current = ended;
    this.held.end();
    const { count: readers, total: connections } = this.held;
    const { lastOffset, count: events } = this.writer;
    try {
      // The machine that owns the run writes its terminal entry.
      if (this.place !== 'elsewhere') await this.inTime(() => this.writer.end(ended.status));
      this.entries.end();
    } catch (error) {
      if (failure === undefined) this.report(error);
      this.entries.end({ after: lastOffset, entry: { offset: this.writer.lastOffset, end: ended.status } });
    }
    // The error is made only if it is needed, because capturing its stack costs.
    opening?.reject(stop === 'shutdown' ? serverClosing() : (failure ?? stoppedBefore()));
    this.resolveSettled(ended.status);
    const cause = how === 'stopped' ? stop : undefined;
    this.observer?.end({ outcome: ended.status, cause, events, readers, connections });
  }

  private observerFor(onRun: OnRun): RunObserver {
    const { id: runId, threadId, userId, requestType, settings } = this.options;
    const run = { runId, threadId, userId: userId || undefined, requestType };
    return new RunObserver({ onRun, settings, run, writer: this.writer, watch: this });
  }
}
