/**
 * Ends a stream from outside, as an error.
 */

import { stageOf } from './engine/inlet.ts';
import { Linear } from './engine/linear.ts';
import { Outlet } from './engine/outlet.ts';
import type { Sink, Stage } from './engine/stage.ts';
import type { Operator } from './stream.ts';

/**
 * Fails with the very `signal.reason` as soon as the signal aborts, once, and closes the source in the same turn without
 * waiting for it. A signal that has aborted already means that the source is closed and never read. One listener per
 * pipeline, attached with the first `next()` and removed on every ending.
 *
 * @example
 * pipe(source, abortable(AbortSignal.timeout(5_000)), forEach(send));
 */
export function abortable<T>(signal: AbortSignal): Operator<T, T> {
  return (source) => new Outlet(new AbortStage(stageOf(source), signal));
}

class AbortStage<T> extends Linear<T, T> {
  private readonly signal: AbortSignal;
  private isListening = false;

  constructor(upstream: Stage<T>, signal: AbortSignal) {
    super(upstream);
    this.signal = signal;
  }

  override pull(sink: Sink<T>): void {
    if (!this.isListening) {
      this.isListening = true;
      if (this.signal.aborted) this.onAbort();
      else this.signal.addEventListener('abort', this.onAbort);
    }
    super.pull(sink);
  }

  override items(chunk: T[]): void {
    this.answer(chunk);
  }

  protected override onOver(): void {
    this.signal.removeEventListener('abort', this.onAbort);
  }

  private readonly onAbort = (): void => {
    this.endNow({ error: this.signal.reason });
  };
}
