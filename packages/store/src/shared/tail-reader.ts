/**
 * The reading end of a log: a stream over a source that says, at any moment, whether it has an entry, has none yet, or has
 * ended. It holds nothing itself, so a reader that nobody drives costs its position and one listener. It is a stage of the
 * stream engine: a pipeline behind it gets an entry within the call that appended it, with no promise in between.
 */
import type { Stream } from '@chatkit/stream';
import { type Cleanup, type Failure, outlet, type Sink } from '@chatkit/stream/engine';

/** What a reader reads. All are synchronous; what `attach` or `poll` throws, the stream fails with. */
export interface TailSource<T extends object> {
  /** Called once, at the first `next()`. */
  attach(): void;
  /** The next entry, or why there is none; asked again after 'end' it says so again. */
  poll(): T | 'wait' | 'end';
  /** Called once after `attach`, on every ending: end, error, abort and `return()`. */
  detach(): void;
}

export interface TailReader<T> {
  readonly entries: Stream<T>;
  /** Tells a reader that waits to poll again. */
  wake(): void;
}

/**
 * One-shot and lazy. An abort fails the stream with the signal's reason: the `next()` that is pending, or the next one.
 */
export const createTailReader = <T extends object>(
  source: TailSource<T>,
  signal: AbortSignal | undefined,
): TailReader<T> => {
  let state: 'new' | 'open' | 'over' = 'new';
  /** Who asks and has had no answer. */
  let sink: Sink<T> | undefined;
  /** Why it broke, for who asks next. */
  let failure: Failure | undefined;
  let isAnswering = false;

  const letGo = (): Sink<T> | undefined => {
    const to = sink;
    sink = undefined;
    return to;
  };
  const close = (why?: Failure): Cleanup => {
    const wasOpen = state === 'open';
    if (state !== 'over') failure = why;
    state = 'over';
    signal?.removeEventListener('abort', onAbort);
    if (wasOpen) source.detach();
    return undefined;
  };
  const onAbort = (): void => {
    close({ error: signal?.reason });
    answer();
  };

  const poll = (): T | 'wait' | 'end' => {
    try {
      return source.poll();
    } catch (error) {
      close({ error });
      return 'end';
    }
  };

  /** Answers whoever asks, if there is something to say; in a loop, because it may ask again inside the answer. */
  const answer = (): void => {
    if (isAnswering) return;
    isAnswering = true;
    while (sink !== undefined) {
      const entry = state === 'over' ? 'end' : poll();
      if (entry === 'wait') break;
      if (entry !== 'end') letGo()?.item(entry);
      else {
        close();
        const why = failure;
        failure = undefined;
        letGo()?.end(why);
      }
    }
    isAnswering = false;
  };

  const open = (): void => {
    try {
      signal?.throwIfAborted();
      source.attach();
      state = 'open';
      signal?.addEventListener('abort', onAbort);
    } catch (error) {
      close({ error });
    }
  };

  return {
    wake: answer,
    entries: outlet<T>({
      pull(to) {
        sink = to;
        if (state === 'new') open();
        answer();
      },
      close() {
        const cleanup = close();
        failure = undefined;
        letGo()?.end();
        return cleanup;
      },
    }),
  };
};
