/** Passes the events of a run on and tells when and how it ended, whoever ended it. */
import type { ThreadStreamEvent } from '@chatkit/core';

/** One line for `log` at the end: `answer finished: 84 updates in 2.3 s`; or `stopped`, or `failed`. */
export async function* logged(
  events: AsyncIterable<ThreadStreamEvent>,
  signal: AbortSignal,
  log: (line: string) => void,
): AsyncGenerator<ThreadStreamEvent, void, void> {
  const started = performance.now();
  let deltas = 0;
  let outcome = 'stopped';
  try {
    for await (const event of events) {
      if (event.type === 'thread.item.updated') deltas += 1;
      yield event;
    }
    if (!signal.aborted) outcome = 'finished';
  } catch (error) {
    if (!signal.aborted) outcome = 'failed';
    throw error;
  } finally {
    log(`answer ${outcome}: ${deltas} updates in ${((performance.now() - started) / 1_000).toFixed(1)} s`);
  }
}
