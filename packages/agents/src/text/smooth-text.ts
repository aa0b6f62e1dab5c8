/**
 * Smooths the pace of an answer's text. Providers send text in bursts of several words or lines; an even flow is easier
 * to read. The pacing is done by `smooth` of `@chatkit/stream`; this file says which events are text and which texts
 * belong together.
 */
import { isTextDelta, type ThreadStreamEvent } from '@chatkit/core';
import { pipe, type SmoothOptions, type Stream, smooth } from '@chatkit/stream';

/** The options of `smooth`, except those that say what text is. */
export type SmoothTextOptions = Omit<SmoothOptions<ThreadStreamEvent>, 'text' | 'withText' | 'key'>;

/**
 * The same events with the assistant's text re-cut: bursts become small pieces of whole words at an even pace, and a
 * slow model is not held up. No text is delayed by more than `maxLagMs` (250), and the first text of a message not at
 * all. Any other event, the end and an error release the text that is held back, so the order stays. No piece ends
 * inside a grapheme whose rest comes in time. A stopped answer ends with the text that has been released. Closing the
 * stream closes `events`.
 *
 * @example
 * yield* smoothText(streamAgentResponse(context, result));
 */
export const smoothText = (
  events: AsyncIterable<ThreadStreamEvent>,
  options: SmoothTextOptions = {},
): Stream<ThreadStreamEvent> =>
  pipe(
    events,
    smooth<ThreadStreamEvent>({
      ...options,
      text: (event) => (isTextDelta(event) ? event.update.delta : undefined),
      withText: (event, delta) => (isTextDelta(event) ? { ...event, update: { ...event.update, delta } } : event),
      key: (event) => (isTextDelta(event) ? `${event.update.content_index} ${event.item_id}` : undefined),
    }),
  );
