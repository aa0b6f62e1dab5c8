/**
 * Ends a stream from outside, as a clean end.
 */

import { stageOf } from './engine/inlet.ts';
import { Linear } from './engine/linear.ts';
import { Outlet } from './engine/outlet.ts';
import type { Sink, Stage } from './engine/stage.ts';
import type { Source, Stream } from './stream.ts';

/** An operator with a switch. */
export interface Interruptible {
  <T>(source: Source<T>): Stream<T>;
  /** Ends every stream that went through this operator. Calling it again does nothing. */
  interrupt(): void;
}

/**
 * Ends the stream cleanly on `interrupt()`, or when the signal aborts: the source is closed in the same turn and not
 * waited for, and everything after this operator sees an ordinary end, so that batches and the like hand out what they
 * hold. Put it right behind the source. For an error in place of an end use `abortable`.
 *
 * @example
 * const stop = interruptible();
 * button.onclick = () => stop.interrupt();
 * await pipe(tokens, stop, batch({ maxItems: 10 }), forEach(save)); // the last, partial batch is saved, too
 */
export function interruptible(signal?: AbortSignal): Interruptible {
  const own = new AbortController();
  const signals = signal === undefined ? [own.signal] : [own.signal, signal];
  const operator = <T>(source: Source<T>): Stream<T> => new Outlet(new InterruptStage(stageOf(source), signals));
  return Object.assign(operator, { interrupt: () => own.abort() });
}

class InterruptStage<T> extends Linear<T, T> {
  private readonly signals: readonly AbortSignal[];
  private isListening = false;

  constructor(upstream: Stage<T>, signals: readonly AbortSignal[]) {
    super(upstream);
    this.signals = signals;
  }

  override pull(sink: Sink<T>): void {
    if (!this.isListening) {
      this.isListening = true;
      if (this.signals.some((signal) => signal.aborted)) this.onAbort();
      else for (const signal of this.signals) signal.addEventListener('abort', this.onAbort);
    }
    super.pull(sink);
  }

  override items(chunk: T[]): void {
    this.answer(chunk);
  }

  protected override onOver(): void {
    for (const signal of this.signals) signal.removeEventListener('abort', this.onAbort);
  }

  private readonly onAbort = (): void => this.endNow('done');
}
