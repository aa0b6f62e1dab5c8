/**
 * A source that is made again when it breaks.
 */

import { type Clock, systemClock } from './clock.ts';
import { stageOf } from './engine/inlet.ts';
import { Outlet } from './engine/outlet.ts';
import { type Cleanup, type Ending, SILENT, type Sink, Stage } from './engine/stage.ts';
import type { Source, Stream } from './stream.ts';

/** What the factory of `retry` is told. */
export interface Attempt<C> {
  /** 0 for the first, and counted on over the whole stream. */
  readonly attempt: number;
  /** The cursor of the last item that was delivered; `undefined` before the first. */
  readonly cursor: C | undefined;
  /** Aborts when the stream is closed, or this attempt has failed. */
  readonly signal: AbortSignal;
}

/** Options of `retry`. */
export interface RetryOptions<T, C> {
  /** How often to try again without an item in between. Default 5; an item sets the count back. */
  retries?: number;
  /** The first wait is random up to this many milliseconds … Default 250. */
  baseMs?: number;
  /** … the next up to twice that, and so on up to this. Default 30,000. */
  maxMs?: number;
  /** Whether this error is worth another try; a number is a wait in milliseconds in place of the computed one. */
  when?: (error: unknown, retry: number) => boolean | number;
  /** The place of an item in the stream, for the factory to go on behind it. */
  cursorOf?: (item: T) => C;
  /** Called before each wait. */
  onRetry?: (error: unknown, waitMs: number) => void;
  /** From 0 to 1. Default `Math.random`. */
  random?: () => number;
  /** Default: the runtime's clock. */
  clock?: Clock;
}

/**
 * Reads what `factory` makes; when that fails, waits (exponential backoff with full jitter) and makes it again, from the
 * cursor of the last delivered item, so that nothing comes twice. Gives up with the last error when the retries are used
 * up or `when` says no. A clean end is an end. Closing ends the wait at once.
 *
 * @example
 * retry(({ cursor, signal }) => openEvents({ after: cursor, signal }), { cursorOf: (event) => event.id });
 */
export function retry<T, C = unknown>(
  factory: (attempt: Attempt<C>) => Source<T> | PromiseLike<Source<T>>,
  options: RetryOptions<T, C> = {},
): Stream<T> {
  return new Outlet(new RetryStage(factory, options));
}

class RetryStage<T, C> extends Stage<T> implements Sink<T> {
  private readonly factory: (attempt: Attempt<C>) => Source<T> | PromiseLike<Source<T>>;
  private readonly options: RetryOptions<T, C>;
  private readonly clock: Clock;
  private stage: Stage<T> | undefined;
  private controller = new AbortController();
  private attempt = 0;
  private failures = 0; // since the last item
  private cursor: C | undefined;
  private timer: unknown;
  private isClosed = false;

  constructor(factory: (attempt: Attempt<C>) => Source<T> | PromiseLike<Source<T>>, options: RetryOptions<T, C>) {
    super();
    this.factory = factory;
    this.options = options;
    this.clock = options.clock ?? systemClock;
  }

  pull(sink: Sink<T>): void {
    this.sink = sink;
    if (this.isClosed) this.answerDone();
    else if (this.stage === undefined) this.start();
    else this.stage.pull(this);
  }

  close(): Cleanup {
    this.sink = SILENT;
    if (this.isClosed) return undefined;
    this.isClosed = true;
    if (this.timer !== undefined) this.clock.clearTimeout(this.timer);
    this.controller.abort();
    return this.stage?.close();
  }

  items(chunk: T[]): void {
    this.failures = 0;
    const { cursorOf } = this.options;
    try {
      if (cursorOf !== undefined) this.cursor = cursorOf(chunk[chunk.length - 1] as T);
    } catch (error) {
      this.end({ error });
      return;
    }
    this.answer(chunk);
  }

  done(): void {
    this.end('done');
  }

  fail(error: unknown): void {
    this.stage = undefined;
    this.controller.abort();
    this.controller = new AbortController();
    let waitMs: number | undefined;
    try {
      waitMs = this.waitAfter(error);
      if (waitMs !== undefined) this.options.onRetry?.(error, waitMs);
    } catch (ofCallback) {
      this.end({ error: ofCallback });
      return;
    }
    if (waitMs === undefined) this.end({ error });
    else this.timer = this.clock.setTimeout(() => this.start(), waitMs);
  }

  private start(): void {
    this.timer = undefined;
    const { controller } = this;
    const { signal } = controller;
    const open = (source: Source<T>) => {
      const stage = stageOf(source);
      if (signal.aborted) stage.close()?.catch(() => {});
      else {
        this.stage = stage;
        stage.pull(this);
      }
    };
    const fail = (error: unknown) => {
      if (!signal.aborted) this.fail(error);
    };
    try {
      const source = this.factory({ attempt: this.attempt++, cursor: this.cursor, signal });
      if (typeof (source as PromiseLike<Source<T>>).then !== 'function') open(source as Source<T>);
      else (source as PromiseLike<Source<T>>).then(open).then(undefined, fail);
    } catch (error) {
      fail(error);
    }
  }

  /** How long to wait before the next attempt; `undefined` if there is none. */
  private waitAfter(error: unknown): number | undefined {
    const { retries = 5, baseMs = 250, maxMs = 30_000, when = () => true, random = Math.random } = this.options;
    const retry = this.failures++;
    if (retry >= retries) return undefined;
    const verdict = when(error, retry);
    if (typeof verdict === 'number') return verdict;
    return verdict ? random() * Math.min(maxMs, baseMs * 2 ** retry) : undefined;
  }

  private end(ending: Ending): void {
    const { sink } = this;
    this.close()?.catch(() => {});
    if (ending === 'done') sink.done();
    else sink.fail(ending.error);
  }
}
