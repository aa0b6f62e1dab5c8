import type { TextDeltaEvent } from '@chatkit/core';

/** Whether two text deltas append to the same part, so that they can be merged. */
export const isSamePart = (event: TextDeltaEvent, other: TextDeltaEvent): boolean =>
  event.item_id === other.item_id && event.update.content_index === other.update.content_index;
