/**
 * An event's JSON, as the stream in Redis has it. The event that comes by the thousand, a text delta of its plain form, is
 * written by hand: naming its fields costs a third of having `JSON.stringify` find them.
 */
import type { ThreadStreamEvent } from '@chatkit/core';

export const encodeEvent = (event: ThreadStreamEvent): string => {
  if (event.type === 'thread.item.updated' && hasOnly(event, eventKeys)) {
    const { update, item_id: id } = event;
    if (update?.type === 'assistant_message.content_part.text_delta' && hasOnly(update, deltaKeys)) {
      const { content_index: index, delta } = update;
      if (typeof delta === 'string' && typeof id === 'string' && Number.isSafeInteger(index)) {
        return `{"type":"thread.item.updated","item_id":${JSON.stringify(id)},"update":{"type":"assistant_message.content_part.text_delta","content_index":${index},"delta":${JSON.stringify(delta)}}}`;
      }
    }
  }
  return JSON.stringify(event);
};

const eventKeys: ReadonlySet<string> = new Set(['type', 'item_id', 'update']);
const deltaKeys: ReadonlySet<string> = new Set(['type', 'content_index', 'delta']);

const hasOnly = (value: object, keys: ReadonlySet<string>): boolean => {
  let count = 0;
  for (const key in value) {
    if (!keys.has(key)) return false;
    count += 1;
  }
  return count === keys.size;
};
