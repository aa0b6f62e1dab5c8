/**
 * The reading end of a log: a stream over a source that says, at any moment, whether it has an entry, has none yet, or
 * has ended. It holds nothing itself, so a reader that nobody drives costs its position and one listener. It is a stage
 * of the stream engine: a pipeline behind it gets an entry within the call that appended it, with no promise in
 * between.
 */
import type { Stream } from '@chatkit/stream';
import { type Cleanup, type Failure, outlet, type Sink, type Stage } from '@chatkit/stream/engine';

/**
 * One-shot and lazy: it attaches at the first `next()`. An abort fails the stream with the signal's reason: the
 * `next()` that is pending, or the next one. What `attach` or `poll` throws, the stream fails with.
 *
 * A class that a log extends, because a token of each of a thousand runs finds its reader out of the processor's
 * caches: one object is one miss, and a closure for each of these functions would be one more each.
 */
export abstract class TailReader<T extends object> implements Stage<T> {
  readonly entries: Stream<T> = outlet<T>(this);
  private readonly signal: AbortSignal | undefined;
  private state: 'new' | 'open' | 'over' = 'new';
  /** Who asks and has had no answer. */
  private sink: Sink<T> | undefined;
  /** Why it broke, for who asks next. */
  private failure: Failure | undefined;
  private isAnswering = false;

  constructor(signal: AbortSignal | undefined) {
    this.signal = signal;
  }

  /** Called once, at the first `next()`. */
  protected abstract attach(): void;
  /** The next entry, or why there is none; asked again after 'end' it says so again. */
  protected abstract poll(): T | 'wait' | 'end';
  /** Called once after `attach`, on every ending: end, error, abort and `return()`. */
  protected abstract detach(): void;

  pull(to: Sink<T>): void {
    this.sink = to;
    if (this.state === 'new') this.open();
    this.wake();
  }

  close(): Cleanup {
    this.end();
    this.failure = undefined;
    this.letGo()?.end();
    return undefined;
  }

  /** Tells a reader that waits to poll again. */
  wake(): void {
    if (this.isAnswering) return;
    this.isAnswering = true;
    // In a loop, because whoever asks may ask again inside the answer.
    while (this.sink !== undefined) {
      const entry = this.state === 'over' ? 'end' : this.pollOrEnd();
      if (entry === 'wait') break;
      if (entry !== 'end') this.letGo()?.item(entry);
      else {
        this.end();
        const why = this.failure;
        this.failure = undefined;
        this.letGo()?.end(why);
      }
    }
    this.isAnswering = false;
  }

  private open(): void {
    try {
      this.signal?.throwIfAborted();
      this.attach();
      this.state = 'open';
      this.signal?.addEventListener('abort', this.onAbort);
    } catch (error) {
      this.end({ error });
    }
  }

  private pollOrEnd(): T | 'wait' | 'end' {
    try {
      return this.poll();
    } catch (error) {
      this.end({ error });
      return 'end';
    }
  }

  private end(why?: Failure): void {
    const wasOpen = this.state === 'open';
    if (this.state !== 'over') this.failure = why;
    this.state = 'over';
    this.signal?.removeEventListener('abort', this.onAbort);
    if (wasOpen) this.detach();
  }

  private letGo(): Sink<T> | undefined {
    const to = this.sink;
    this.sink = undefined;
    return to;
  }

  private readonly onAbort = (): void => {
    this.end({ error: this.signal?.reason });
    this.wake();
  };
}
