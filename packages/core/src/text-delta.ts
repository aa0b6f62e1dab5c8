/** The text delta, by far the most frequent event: more text for one part of an answer. */
import type { ThreadItemUpdatedEvent, ThreadStreamEvent } from './event.ts';
import type { ContentPartTextDelta } from './update.ts';

/** A `thread.item.updated` whose update is text. */
export type TextDeltaEvent = ThreadItemUpdatedEvent & { update: ContentPartTextDelta };

/**
 * Whether an event adds text to an answer. Safe for events that have not been validated.
 *
 * @example
 * for await (const event of chat.send('Hi')) if (isTextDelta(event)) process.stdout.write(event.update.delta);
 */
export const isTextDelta = (event: ThreadStreamEvent): event is TextDeltaEvent =>
  event.type === 'thread.item.updated' &&
  event.update?.type === 'assistant_message.content_part.text_delta' &&
  typeof event.update.delta === 'string';
