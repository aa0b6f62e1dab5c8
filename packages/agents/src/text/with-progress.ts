/** Shows a progress line until there is something to read. */
import type { ThreadStreamEvent } from '@chatkit/core';

/**
 * Sends a progress line at once, then everything from `events`. Clients remove the line when the first visible item
 * arrives. Closing the iterator closes `events`.
 *
 * @example
 * yield* withProgress('Reading the archive…', streamTextResponse(thread, model(input, run.signal)));
 */
export async function* withProgress(
  text: string,
  events: AsyncIterable<ThreadStreamEvent>,
  options: { icon?: string | undefined } = {},
): AsyncGenerator<ThreadStreamEvent, void, undefined> {
  yield { type: 'progress_update', text, ...(options.icon === undefined ? {} : { icon: options.icon }) };
  yield* events;
}
