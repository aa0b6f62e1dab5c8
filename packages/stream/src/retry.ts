/**
 * A source that is made again when it breaks.
 */

import { type Clock, systemClock } from './clock.ts';
import { deadline } from './engine/deadline.ts';
import { lateStage } from './engine/late-stage.ts';
import { outlet } from './engine/outlet.ts';
import { type Pump, pump } from './engine/pump.ts';
import { SILENT, type Sink, type Stage } from './engine/stage.ts';
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
  const { retries = 5, baseMs = 250, maxMs = 30_000, when = () => true } = options;
  const { cursorOf, onRetry, random = Math.random, clock = systemClock } = options;
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
        const waitMs = waitAfter(failure.error);
        if (waitMs === false) return sink.end(failure);
        onRetry?.(failure.error, waitMs);
        if (!out.isEnded()) due.set(clock.now() + waitMs); // unless one of these functions has closed the stream
      } catch (error) {
        sink.end({ error });
      }
    },
  };

  /** How long to wait before the next attempt; `false` if there is none. */
  const waitAfter = (error: unknown): number | false => {
    const retry = failures++;
    const verdict = retry < retries && when(error, retry);
    return verdict === true ? random() * Math.min(maxMs, baseMs * 2 ** retry) : verdict;
  };

  const out: Pump<T> = pump<T, T>(attempts, {
    takeAll(chunk) {
      failures = 0;
      if (cursorOf) cursor = cursorOf(chunk[chunk.length - 1] as T);
      out.offerAll(chunk);
    },
    onOver() {
      due.clear();
      controller.abort();
    },
  });
  return outlet(out);
}
