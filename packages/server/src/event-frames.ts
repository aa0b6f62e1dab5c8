/**
 * Verb 4 of the path of a token, for all readers of one run: entries become text. Readers that keep up ask for the same
 * entry one after the other, so each is encoded once, however many read; text deltas are put between two cached pieces of
 * JSON. What comes out is `encodeSse({ data: serializeEvent(event) })`, byte for byte.
 */
import { type LogEntry, serializeEvent, type ThreadStreamEvent } from '@chatkit/core';
import { createDeltaEncoder } from '@chatkit/transport';
import { isSamePart, isTextDelta, type TextDeltaEvent } from './text-delta.ts';

/** The frames of one run. */
export interface EventFrames {
  /** The entry's event as a frame without an id. */
  frameOf(entry: Extract<LogEntry, { event: ThreadStreamEvent }>): string;
}

export const createEventFrames = (): EventFrames => {
  const encoder = createDeltaEncoder<ThreadStreamEvent>({
    deltaOf: (event) => (isTextDelta(event) ? event.update.delta : undefined),
    withDelta: (event, delta) =>
      ({ ...event, update: { ...(event as TextDeltaEvent).update, delta } }) as TextDeltaEvent,
    isSame: (event, other) => isSamePart(event as TextDeltaEvent, other as TextDeltaEvent),
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
