/**
 * Events as the stream in Redis has them: JSON, but for the one that comes by the thousand. A text delta of its plain
 * form is `[item id, content index, delta]`: a sixth of its JSON, for Node to write, Redis to keep and other machines
 * to read.
 */
import { type ThreadStreamEvent, textDelta } from '@chatkit/core';
import type { TextDelta } from '../shared/entry-list.ts';
import type { CommandText } from './command-text.ts';

/** Writes an event, a JSON value. `isPlain`: it is a text delta and has nothing besides. */
export const writeEvent = (text: CommandText, event: ThreadStreamEvent, isPlain: boolean): void => {
  if (!isPlain) {
    text.text(JSON.stringify(event));
    return;
  }
  const { item_id: id, update } = event as { item_id: string; update: TextDelta };
  text.text('[');
  text.json(id);
  text.text(',');
  text.number(update.content_index);
  text.text(',');
  text.json(update.delta);
  text.text(']');
};

/** The event of a text that has been parsed. */
export const decodeEvent = (value: unknown): ThreadStreamEvent => {
  if (!Array.isArray(value)) return value as ThreadStreamEvent;
  const [itemId, part, delta] = value as [string, number, string];
  return textDelta(itemId, delta, part);
};
