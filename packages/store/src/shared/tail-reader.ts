/**
 * The base class of the logs' readers: a stream over a source that can be polled for the next entry, which may be
 * there, not there yet, or never come. It buffers nothing, so an idle reader costs its position and one listener. It is
 * a stage of the stream engine: a pipeline after it gets an entry within the call that appended it, with no promise in
 * between.
 */
import type { Stream } from '@chatkit/stream';
import { type Cleanup, type Failure, outlet, type Sink, type Stage } from '@chatkit/stream/engine';

/**
 * One-shot and lazy: it attaches at the first `next()`. An abort fails the pending `next()`, or the next one, with the
 * signal's reason. An error of `attach` or `poll` fails the stream.
 *
 * A class that logs extend, because with a thousand runs each token finds its reader out of the processor's caches: one
 * object is one miss, and each closure would be another.
 */
export abstract class TailReader<T extends object> implements Stage<T> {
  private readonly signal: AbortSignal | undefined;
  private state: 'new' | 'open' | 'over' = 'new';
  /** Who has pulled and not been answered yet. */
  private sink: Sink<T> | undefined;
  /** The error for the next pull. */
  private failure: Failure | undefined;
  private isAnswering = false;

  constructor(signal: AbortSignal | undefined) {
    this.signal = signal;
  }

  /** To be asked for once. Not kept: a pipeline that goes on from it takes the reader out of it. */
  get entries(): Stream<T> {
    return outlet<T>(this);
  }

  /** Called once, at the first `next()`. */
  protected abstract attach(): void;
  /** The next entry, or why there is none. After 'end' it must keep returning 'end'. */
  protected abstract poll(): T | 'wait' | 'end';
  /** Called once after `attach`, however the stream ends: end, error, abort or `return()`. */
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

  /** Makes a waiting reader poll again. */
  wake(): void {
    if (this.isAnswering) return;
    this.isAnswering = true;
    // A loop, because the consumer may pull again while it is being answered.
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
