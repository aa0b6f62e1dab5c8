/**
 * The server's own copy of an event that an application has yielded, refused if it is no event, is not JSON or is too
 * large.
 */
import { ChatKitError, isHiddenItem, isTextDelta, type ThreadStreamEvent } from '@chatkit/core';
import { assertShape, noEvent, notJson } from './event-shape.ts';
import { ownJson } from './own-json.ts';
import { strictJson } from './strict-json.ts';

/**
 * Copies the event as it is now. The log keeps events for later readers, while the application may go on changing the
 * objects it yielded; the Python SDK serializes at once for the same reason. A text delta is copied by hand, because it
 * is cheaper.
 */
export const ownEvent = (event: ThreadStreamEvent, maxBytes: number): ThreadStreamEvent => {
  if (typeof event !== 'object' || event === null || typeof event.type !== 'string') throw noEvent(event);
  if (isTextDelta(event) && Number.isSafeInteger(event.update.content_index)) {
    const { content_index, delta } = event.update;
    if (!surelyFits(delta, maxBytes)) assertSize(event, JSON.stringify(event), maxBytes);
    return {
      type: 'thread.item.updated',
      item_id: event.item_id,
      update: { type: 'assistant_message.content_part.text_delta', content_index, delta },
    };
  }
  assertShape(event);
  const own = ownJson(event);
  if (own !== undefined && own.maxBytes <= maxBytes) return own.value;
  const { json, copy } = throughJson(event, own?.value);
  if (!('item' in event && isHiddenItem(event.item))) assertSize(event, json, maxBytes);
  return copy;
};

/** Whether a text delta fits, seen from its text alone. Most do, and need no measuring. */
export const surelyFits = (delta: string, maxBytes: number): boolean =>
  // No UTF-16 unit takes more than six bytes of JSON; what is around the text takes a few hundred.
  delta.length * 6 + 1024 <= maxBytes;

/**
 * Copies an event as its readers will get it: an object in it that has a `toJSON`, such as a date, becomes that.
 * Refuses one that JSON cannot represent (a BigInt, a circular reference): in the log it would break the connection of
 * each reader, again and again.
 */
const throughJson = (event: ThreadStreamEvent, own: ThreadStreamEvent | undefined) => {
  try {
    const json = strictJson(event);
    return { json, copy: own ?? (JSON.parse(json) as ThreadStreamEvent) };
  } catch (cause) {
    throw notJson(`An event of type ${event.type}`, cause);
  }
};

/**
 * Refuses an event that is too large, before it is stored: otherwise the thread would have an item that no log holds
 * and no reader was sent.
 */
export const assertSize = ({ type }: ThreadStreamEvent, json: string, maxBytes: number): void => {
  // No UTF-16 unit takes more than three bytes.
  if (json.length * 3 <= maxBytes || new TextEncoder().encode(json).byteLength <= maxBytes) return;
  throw tooLarge(type, maxBytes);
};

export const tooLarge = (type: ThreadStreamEvent['type'], maxBytes: number): ChatKitError =>
  new ChatKitError('event.too_large', `An event of type ${type} is larger than ${maxBytes} bytes.`, {
    details: { type, maxBytes },
  });
