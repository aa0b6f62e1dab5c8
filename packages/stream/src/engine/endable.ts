/**
 * The stage that ends when a signal says so: in the same turn, and without waiting for a source that may be stuck.
 */

import { type Pump, pump } from './pump.ts';
import { type Failure, ignoreCleanup, type Stage } from './stage.ts';

/**
 * Passes everything on until one of `signals` aborts; then ends with what `failure` makes, or cleanly. Chunks are taken
 * apart, or a reader that takes its time over each item would go on with what it has of one for long after. The listeners
 * are attached with the first pull and removed on every ending.
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
