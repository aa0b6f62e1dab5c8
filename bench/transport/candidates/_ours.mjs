import { map, pipe } from '@chatkit/stream';
import { createDeltaEncoder } from '@chatkit/transport';

const isDelta = (event) =>
  event.type === 'thread.item.updated' && event.update.type === 'assistant_message.content_part.text_delta';

export const createEncoder = () =>
  createDeltaEncoder({
    deltaOf: (event) => (isDelta(event) ? event.update.delta : undefined),
    withDelta: (event, delta) => ({ ...event, update: { ...event.update, delta } }),
    isSame: (event, other) =>
      event.item_id === other.item_id && event.update.content_index === other.update.content_index,
  });

/** Events to SSE text. */
export const encode = (events) => {
  const encoder = createEncoder();
  return pipe(
    events,
    map((event) => encoder.sse(event)),
  );
};
