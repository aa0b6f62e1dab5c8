/**
 * The stage behind `abortable` and `interruptible`: it ends when a signal aborts, in the same turn, without waiting for
 * a source that may be stuck.
 */

import { type Pump, pump } from './pump.ts';
import { type Failure, ignoreCleanup, type Stage } from './stage.ts';

/**
 * Passes everything on until one of `signals` aborts; then ends with the result of `failure`, or cleanly without one.
 * Chunks are split into single items; otherwise a reader that takes its time over each item would go on for long after
 * the abort with the chunk it already has. The listeners are attached at the first pull and removed however the stream
 * ends.
 */
export function endable<T>(upstream: Stage<T>, signals: readonly AbortSignal[], failure?: () => Failure): Stage<T> {
  let isListening = false;
  const onAbort = () => ignoreCleanup(out.close(failure?.()));
  const out: Pump<T> = pump<T, T>(upstream, {
    capacity: 1,
    take: (item) => out.offer(item),
    onPull() {
      if (isListening) return;
      isListening = true;
      if (signals.some((signal) => signal.aborted)) onAbort();
      else for (const signal of signals) signal.addEventListener('abort', onAbort);
    },
    onOver() {
      for (const signal of signals) signal.removeEventListener('abort', onAbort);
    },
  });
  return out;
}
