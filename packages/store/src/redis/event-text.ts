/**
 * Events as the stream in Redis has them: JSON, but for the one that comes by the thousand. A text delta of its plain form
 * is `[item id, content index, delta]`: a sixth of its JSON, for Node to write, Redis to keep and other machines to read.
 */
import type { ThreadStreamEvent } from '@chatkit/core';

/** An event's text, a JSON value. */
export type EventEncoder = (event: ThreadStreamEvent) => string;

/** An encoder for the events of one run: what precedes a delta is the same for a whole part of a message, and kept. */
export const createEventEncoder = (): EventEncoder => {
  let itemId: string | undefined;
  let index: number | undefined;
  let start = '';
  return (event) => {
    if (event.type === 'thread.item.updated' && hasOnly(event, eventKeys)) {
      const { update, item_id: id } = event;
      if (update?.type === textDelta && hasOnly(update, deltaKeys)) {
        const { content_index: at, delta } = update;
        if (typeof delta === 'string' && typeof id === 'string' && Number.isSafeInteger(at)) {
          if (id !== itemId || at !== index) {
            itemId = id;
            index = at;
            start = `[${JSON.stringify(id)},${at},`;
          }
          return `${start}${JSON.stringify(delta)}]`;
        }
      }
    }
    return JSON.stringify(event);
  };
};

/** The event of a text that has been parsed. */
export const decodeEvent = (value: unknown): ThreadStreamEvent => {
  if (!Array.isArray(value)) return value as ThreadStreamEvent;
  const [item_id, content_index, delta] = value as [string, number, string];
  return { type: 'thread.item.updated', item_id, update: { type: textDelta, content_index, delta } };
};

const textDelta = 'assistant_message.content_part.text_delta';
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
