import type { TextDeltaEvent } from '@chatkit/core';

/** Whether two text deltas add to the same part, so that one could say what both do. */
export const isSamePart = (event: TextDeltaEvent, other: TextDeltaEvent): boolean =>
  event.item_id === other.item_id && event.update.content_index === other.update.content_index;
