/**
 * `retry`: reopens a source when it fails, from where it broke off.
 */

import { type Clock, systemClock } from './clock.ts';
import { deadline } from './engine/deadline.ts';
import { lateStage } from './engine/late-stage.ts';
import { outlet } from './engine/outlet.ts';
import { type Pump, pump } from './engine/pump.ts';
import { SILENT, type Sink, type Stage } from './engine/stage.ts';
import type { Source, Stream } from './stream.ts';

/** What `retry` passes to its factory. */
export interface Attempt<C> {
  /** 0 for the first attempt; counts up over the whole stream. */
  readonly attempt: number;
  /** The cursor of the last item delivered; `undefined` before the first. */
  readonly cursor: C | undefined;
  /** Aborts when the stream is closed, or this attempt has failed. */
  readonly signal: AbortSignal;
}

/** Options of `retry`. */
export interface RetryOptions<T, C> {
  /** How many times in a row to retry; every item resets the count. Default 5. */
  retries?: number | undefined;
  /** The first wait is random, up to this many milliseconds … Default 250. */
  baseMs?: number | undefined;
  /** … and the bound doubles with each failure, up to this. Default 30,000. If either is `NaN`, there is no wait. */
  maxMs?: number | undefined;
  /**
   * Whether to retry after this error. A number means yes, after that many milliseconds instead of the computed wait,
   * unless it is negative or `NaN`, as the number of a header is that holds a date.
   */
  when?: ((error: unknown, retry: number) => boolean | number) | undefined;
  /** An item's position in the stream, so that the factory can continue after it. */
  cursorOf?: ((item: T) => C) | undefined;
  /** Called before each wait. */
  onRetry?: ((error: unknown, waitMs: number) => void) | undefined;
  /** The source of jitter, from 0 to 1. Default `Math.random`. */
  random?: (() => number) | undefined;
  /** Default: the runtime's clock. */
  clock?: Clock | undefined;
}

/**
 * Reads the source that `factory` makes. When it fails, waits (exponential backoff with full jitter) and calls
 * `factory` again with the cursor of the last delivered item, so that nothing comes twice. Fails with the last error
 * when the retries are used up or `when` says no. A clean end is not retried. Closing ends the wait at once.
 *
 * @example
 * retry(({ cursor, signal }) => openEvents({ after: cursor, signal }), { cursorOf: (event) => event.id });
 */
export function retry<T, C = unknown>(
  factory: (attempt: Attempt<C>) => Source<T> | PromiseLike<Source<T>>,
  options: RetryOptions<T, C> = {},
): Stream<T> {
  const {
    retries = 5,
    baseMs = 250,
    maxMs = 30_000,
    when = () => true,
    cursorOf,
    onRetry,
    random = Math.random,
    clock = systemClock,
  } = options;
  let sink: Sink<T> = SILENT; // the open pull's
  let stage: Stage<T> | undefined;
  let controller = new AbortController();
  let attempt = 0;
  let failures = 0; // since the last item
  let cursor: C | undefined;

  const attempts: Stage<T> = {
    pull(to) {
      sink = to;
      ask();
    },
    close: () => stage?.close(),
  };

  const ask = (): void => {
    const { signal } = controller;
    stage ??= lateStage(() => factory({ attempt: attempt++, cursor, signal }));
    stage.pull(answers);
  };
  const due = deadline(clock, ask);

  const answers: Sink<T> = {
    item: (value) => sink.item(value),
    items: (chunk) => sink.items(chunk),
    end(failure) {
      stage = undefined;
      if (failure === undefined || out.isEnded()) return sink.end();
      controller.abort();
      controller = new AbortController();
      try {
        const retry = failures++;
        const verdict = retry < retries && when(failure.error, retry);
        if (verdict === false) return sink.end(failure);
        const waitMs =
          verdict !== true && verdict >= 0 ? verdict : random() * Math.min(maxMs, baseMs * 2 ** retry) || 0;
        onRetry?.(failure.error, waitMs);
        if (!out.isEnded()) due.set(clock.now() + waitMs); // unless one of these functions has closed the stream
      } catch (error) {
        sink.end({ error });
      }
    },
  };

  const out: Pump<T> = pump<T, T>(attempts, {
    takeAll(chunk) {
      failures = 0;
      if (cursorOf) cursor = cursorOf(chunk.at(-1) as T);
      out.offerAll(chunk);
    },
    onOver() {
      due.clear();
      controller.abort();
    },
  });
  return outlet(out);
}
