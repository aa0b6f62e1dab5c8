/** Which unfinished items of a turn have anything in them that is worth keeping. */
import type { ThreadItem } from '@chatkit/core';

/** Whether an item is an answer with text in it. */
export const isPartialAnswer = (item: ThreadItem): boolean =>
  item.type === 'assistant_message' &&
  // An application without types may have left it out.
  Array.isArray(item.content) &&
  item.content.some((part) => typeof part?.text === 'string' && part.text.trim() !== '');

/** Whether an item that the application never finished has any content. */
export const hasContent = (item: ThreadItem): boolean =>
  item.type === 'assistant_message'
    ? isPartialAnswer(item)
    : item.type !== 'generated_image' || item.image !== undefined;
