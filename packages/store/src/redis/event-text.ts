/**
 * How events are written in the Redis stream: as JSON, except for the most frequent one. A plain text delta is `[item
 * id, content index, delta]`, a sixth of its JSON for Node to write, Redis to store and other machines to read.
 */
import { type ThreadStreamEvent, textDelta } from '@chatkit/core';
import type { TextDelta } from '../shared/entry-list.ts';
import type { CommandText } from './command-text.ts';

/** Writes an event as a JSON value. `isPlain`: it is a text delta without additional fields. */
export const writeEvent = (text: CommandText, event: ThreadStreamEvent, isPlain: boolean): void => {
  if (!isPlain) {
    text.text(JSON.stringify(event));
    return;
  }
  const { item_id: id, update } = event as { item_id: string; update: TextDelta };
  text.text('[');
  text.json(id);
  text.text(',');
  text.text(`${update.content_index}`);
  text.text(',');
  text.json(update.delta);
  text.text(']');
};

/** The event that a parsed JSON value stands for. */
export const decodeEvent = (value: unknown): ThreadStreamEvent => {
  if (!Array.isArray(value)) return value as ThreadStreamEvent;
  const [itemId, part, delta] = value as [string, number, string];
  return textDelta(itemId, delta, part);
};
