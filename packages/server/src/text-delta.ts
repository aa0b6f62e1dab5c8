/** The event that comes by the thousand: more text for one part of an answer. */
import type { ThreadItemUpdatedEvent, ThreadItemUpdateOf, ThreadStreamEvent } from '@chatkit/core';

export interface TextDeltaEvent extends ThreadItemUpdatedEvent {
  update: ThreadItemUpdateOf<'assistant_message.content_part.text_delta'>;
}

/** Whether an event, which an application has yielded and nobody has looked at yet, adds text. */
export const isTextDelta = (event: ThreadStreamEvent): event is TextDeltaEvent =>
  event.type === 'thread.item.updated' &&
  event.update?.type === 'assistant_message.content_part.text_delta' &&
  typeof event.update.delta === 'string';

/** Whether two of them add to the same part, so that one could say what both do. */
export const isSamePart = (event: TextDeltaEvent, other: TextDeltaEvent): boolean =>
  event.item_id === other.item_id && event.update.content_index === other.update.content_index;
