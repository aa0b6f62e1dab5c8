/**
 * Events as the stream in Redis has them: JSON, but for the one that comes by the thousand. A text delta of its plain form
 * is `[item id, content index, delta]`: a sixth of its JSON, for Node to write, Redis to keep and other machines to read.
 */
import { type ThreadStreamEvent, textDelta } from '@chatkit/core';
import type { TextDelta } from '../shared/entry-list.ts';

/** An encoder for the events of one run: what precedes a delta is the same for a whole part of a message, and kept. */
export class EventEncoder {
  private itemId: string | undefined;
  private part: number | undefined;
  private start = '';

  /** The text of an event, a JSON value. `update` is the event's, if it is a text delta and has nothing besides. */
  encode(event: ThreadStreamEvent, update: TextDelta | undefined): string {
    if (update === undefined) return JSON.stringify(event);
    const { item_id: id } = event as { item_id: string };
    const { content_index: part } = update;
    if (id !== this.itemId || part !== this.part) {
      this.itemId = id;
      this.part = part;
      this.start = `[${JSON.stringify(id)},${part},`;
    }
    return `${this.start}${JSON.stringify(update.delta)}]`;
  }
}

/** The event of a text that has been parsed. */
export const decodeEvent = (value: unknown): ThreadStreamEvent => {
  if (!Array.isArray(value)) return value as ThreadStreamEvent;
  const [itemId, part, delta] = value as [string, number, string];
  return textDelta(itemId, delta, part);
};
