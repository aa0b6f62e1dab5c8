/**
 * Reports events and updates of unknown types. They are passed on, because a newer client may know them; but most often
 * the type is misspelt, and the client shows nothing.
 */
import type { ThreadItemUpdate, ThreadStreamEvent } from '@chatkit/core';

/** The types of events, without those that bring an item or take it away, which `turn-items.ts` handles. */
const eventTypes: Readonly<Record<Exclude<ThreadStreamEvent['type'], `thread.item.${string}`>, true>> = {
  'thread.created': true,
  'thread.updated': true,
  stream_options: true,
  progress_update: true,
  client_effect: true,
  error: true,
  notice: true,
};

const updateTypes: Readonly<Record<ThreadItemUpdate['type'], true>> = {
  'assistant_message.content_part.added': true,
  'assistant_message.content_part.text_delta': true,
  'assistant_message.content_part.annotation_added': true,
  'assistant_message.content_part.done': true,
  'widget.streaming_text.value_delta': true,
  'widget.root.updated': true,
  'widget.component.updated': true,
  'workflow.task.added': true,
  'workflow.task.updated': true,
  'generated_image.updated': true,
};

/** The unknown types that have been reported, by the store of the server. */
const reported = new WeakMap<object, Set<string>>();

/**
 * Reports an event that is not about an item, or an update of one, if its type is unknown: once per server and type.
 */
export const reportUnknown = (event: ThreadStreamEvent, onError: (error: unknown) => void, store: object): void => {
  const isUpdate = event.type === 'thread.item.updated';
  const { type } = isUpdate ? event.update : event;
  if (Object.hasOwn(isUpdate ? updateTypes : eventTypes, type)) return;
  const types = reported.get(store) ?? new Set();
  reported.set(store, types);
  // A type that is different each time must not fill the memory.
  if (types.has(type) || types.size >= 100) return;
  types.add(type);
  const [what, all] = isUpdate ? ['update', 'ThreadItemUpdate'] : ['event', 'ThreadStreamEvent'];
  onError(
    new TypeError(
      `respond() or action() yielded an ${what} of the unknown type ${JSON.stringify(type)}. It is passed on, but clients ignore what they do not know. Is it misspelt? The types are those of ${all} in @chatkit/core, which has a function for each.`,
    ),
  );
};
