/**
 * Verb 4 of the path of a token, for all readers of one run: entries become text. Readers that keep up ask for the same
 * entry one after the other, so each is encoded once, however many read; text deltas are put between two cached pieces of
 * JSON. What comes out is `encodeSse({ data: serializeEvent(event) })`, byte for byte.
 */
import { type LogEntry, serializeEvent, type ThreadItemUpdateOf, type ThreadStreamEvent } from '@chatkit/core';
import { createDeltaEncoder } from '@chatkit/transport';

/** The frames of one run. */
export interface EventFrames {
  /** The entry's event as a frame without an id. */
  frameOf(entry: Extract<LogEntry, { event: ThreadStreamEvent }>): string;
}

export const createEventFrames = (): EventFrames => {
  const encoder = createDeltaEncoder<ThreadStreamEvent>({
    deltaOf: (event) => textDeltaOf(event)?.delta,
    withDelta: (event, delta) =>
      event.type === 'thread.item.updated' ? { ...event, update: { ...event.update, delta } as TextDelta } : event,
    isSame: (event, other) =>
      event.type === 'thread.item.updated' &&
      other.type === 'thread.item.updated' &&
      event.item_id === other.item_id &&
      textDeltaOf(event)?.content_index === textDeltaOf(other)?.content_index,
    stringify: serializeEvent,
  });
  let last: LogEntry | undefined;
  let frame = '';
  return {
    frameOf(entry) {
      if (entry !== last) {
        frame = encoder.sse(entry.event);
        last = entry;
      }
      return frame;
    },
  };
};

/** The frames of a run: the same object for all its readers. */
export const framesOf = (run: object): EventFrames => {
  let frames = known.get(run);
  if (frames === undefined) {
    frames = createEventFrames();
    known.set(run, frames);
  }
  return frames;
};

const known = new WeakMap<object, EventFrames>();

type TextDelta = ThreadItemUpdateOf<'assistant_message.content_part.text_delta'>;

const textDeltaOf = (event: ThreadStreamEvent): TextDelta | undefined =>
  event.type === 'thread.item.updated' && event.update?.type === 'assistant_message.content_part.text_delta'
    ? event.update
    : undefined;
