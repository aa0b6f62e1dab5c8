/**
 * Answers at an even pace. Providers send text in bursts, several words or lines at a time; a reader likes a flow. The
 * pacing is that of `smooth` in `@chatkit/stream`; this says which events are text, and which texts belong together.
 */
import { isTextDelta, type ThreadStreamEvent } from '@chatkit/core';
import { pipe, type SmoothOptions, type Stream, smooth } from '@chatkit/stream';

/** How text flows; what is text is known. */
export type SmoothTextOptions = Omit<SmoothOptions<ThreadStreamEvent>, 'text' | 'withText' | 'key'>;

/**
 * The same events, with the assistant's text cut anew: bursts become small pieces of whole words at an even pace, and a
 * slow model is not held up. No text is delayed by more than `maxLagMs` (250) and the first of a message not at all;
 * any other event, the end and an error let out what is held, so the order stays. No piece ends inside a grapheme whose
 * rest comes in time. An answer that is stopped ends with what had been let out. Closing it closes `events`.
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
