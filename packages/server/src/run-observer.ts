/**
 * Tells an application of a run (`onRun`), for its metrics and traces. It stands between a turn and what the turn tells
 * the run: its events and its waits. Without the option there is none.
 */
import type { ChatKitRequest, RunOutcome, ThreadStreamEvent } from '@chatkit/core';
import type { TurnWatch } from './event-processor.ts';
import type { EventWriter } from './event-writer.ts';
import { isPartialAnswer } from './partial-answer.ts';
import { reported } from './reported.ts';
import type { StopCause } from './run-state.ts';
import type { Settings } from './settings.ts';

/** A run that begins: it has its thread, and its request has passed its checks. */
export interface RunBegin {
  readonly runId: string;
  readonly threadId: string;
  /** By `userOf`, if it is known. */
  readonly userId: string | undefined;
  readonly requestType: ChatKitRequest['type'];
  /** The time since the request: the wait for the thread, the checks, and storing a message. */
  readonly waitedMs: number;
}

/** How a run ended. Durations are in milliseconds. */
export interface RunEnd {
  readonly outcome: RunOutcome;
  /**
   * Why it was stopped, if it was: `cancel` (on request), `disconnect` (its last reader left), `superseded` (a newer
   * message came), `shutdown`, `lost` (its lease ran out), `log` (the log failed), or the code of a deadline.
   */
  readonly cause: StopCause | undefined;
  /** What `respond()` or `action()` threw, what failed beneath it, or the error of a deadline. */
  readonly error: unknown;
  /** From the call of `respond()` to its first event. */
  readonly firstEventMs: number | undefined;
  /** From the call of `respond()` to the first text of an answer. */
  readonly firstTextMs: number | undefined;
  /** From the beginning of the run to its end. */
  readonly durationMs: number;
  /** How many events it has written into its log. Each text delta is one. */
  readonly events: number;
  /** How many connections have read it on this machine; more than one if clients have come back. */
  readonly connections: number;
  /** How many of them were still there at its end. */
  readonly readers: number;
}

/** Called when a run begins; what it returns is called when the run has ended. */
// biome-ignore lint/suspicious/noConfusingVoidType: a function without a return statement is a usual one
export type OnRun = (run: RunBegin) => ((end: RunEnd) => void) | void;

export interface RunObserverOptions {
  readonly onRun: OnRun;
  readonly settings: Pick<Settings, 'clock' | 'onError'>;
  readonly run: Omit<RunBegin, 'waitedMs'>;
  readonly writer: EventWriter;
  readonly watch: TurnWatch;
}

export class RunObserver implements EventWriter, TurnWatch {
  private readonly options: RunObserverOptions;
  private readonly askedAt: number;
  private begunAt: number | undefined;
  private calledAt: number | undefined;
  private arrivedAt: number | undefined;
  private firstEventAt: number | undefined;
  private firstTextAt: number | undefined;
  private error: unknown;
  private onEnd: ReturnType<OnRun> = undefined;

  constructor(options: RunObserverOptions) {
    this.options = options;
    this.askedAt = options.settings.clock.now();
  }

  write(event: ThreadStreamEvent): Promise<void> | undefined {
    if (this.begunAt === undefined) this.begin();
    if (this.firstTextAt === undefined && isAnswer(event)) this.firstTextAt = this.now();
    return this.options.writer.write(event);
  }

  writeText(itemId: string, part: number, deltas: readonly string[]): Promise<void> | undefined {
    this.firstTextAt ??= this.now();
    return this.options.writer.writeText(itemId, part, deltas);
  }

  waiting(first: boolean): void {
    if (first) this.called();
    else this.firstEventAt ??= this.arrivedAt;
    this.options.watch.waiting(first);
  }

  /** The loop no longer waits: for the first event, unless there is none. */
  arrived(): boolean {
    this.arrivedAt ??= this.now();
    return this.options.watch.arrived();
  }

  failed(error: unknown): void {
    this.error = error;
  }

  /** The run has ended. Does nothing if it has not begun. */
  end(how: Omit<RunEnd, 'error' | 'firstEventMs' | 'firstTextMs' | 'durationMs'>): void {
    const { begunAt, error, onEnd } = this;
    if (begunAt === undefined || typeof onEnd !== 'function') return;
    const durationMs = this.now() - begunAt;
    const firstEventMs = this.sinceCall(this.firstEventAt);
    const firstTextMs = this.sinceCall(this.firstTextAt);
    this.tell(() => onEnd({ ...how, error, firstEventMs, firstTextMs, durationMs }));
  }

  /** `respond()` is called: what came before it were the server's own events. */
  private called(): void {
    this.calledAt = this.now();
    this.arrivedAt = undefined;
    this.firstEventAt = undefined;
  }

  private begin(): void {
    const { onRun, run } = this.options;
    this.begunAt = this.now();
    const waitedMs = this.begunAt - this.askedAt;
    this.tell(() => {
      this.onEnd = onRun({ ...run, waitedMs });
      return this.onEnd;
    });
  }

  /** Reports what `work` throws, or rejects with: an asynchronous function is not awaited. */
  private tell(work: () => unknown): void {
    const { run, settings } = this.options;
    const { runId, threadId, requestType } = run;
    void reported(settings.onError, async () => void (await work()), { runId, threadId, requestType });
  }

  private now(): number {
    return this.options.settings.clock.now();
  }

  private sinceCall(at: number | undefined): number | undefined {
    return at === undefined || this.calledAt === undefined ? undefined : at - this.calledAt;
  }
}

/** Whether an event is an answer that comes whole. */
const isAnswer = (event: ThreadStreamEvent): boolean =>
  event.type === 'thread.item.done' && isPartialAnswer(event.item);
