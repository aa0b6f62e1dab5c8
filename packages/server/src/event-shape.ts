/**
 * Error messages for values that an application yielded and that are not events, with what to write instead. Only what
 * cannot be an event of any version is refused: an unknown `type` is reported and passed on (`report-unknown.ts`).
 */
import type { ThreadItem, ThreadMetadata, ThreadStreamEvent } from '@chatkit/core';
import { describeValue } from './describe-value.ts';

const carriesItem: ReadonlySet<string> = new Set<ThreadStreamEvent['type']>([
  'thread.item.added',
  'thread.item.done',
  'thread.item.replaced',
]);

/**
 * Throws if an item was yielded instead of an event, if an event lacks its item or its update, or if a text delta is
 * malformed. A well-formed text delta is not checked here.
 */
export const assertShape = (event: ThreadStreamEvent): void => {
  if (event.type === 'thread.item.updated') {
    const { update } = event;
    if (typeof update?.type !== 'string')
      throw new TypeError(`An event of type ${event.type} needs an update with a type, not ${describeValue(update)}.`);
    if (update.type === 'assistant_message.content_part.text_delta')
      throw new TypeError(
        `A text delta needs a string and the number of its part, not ${describeValue(update.delta)} for ${update.content_index}.`,
      );
    return;
  }
  if (!carriesItem.has(event.type)) {
    if (isItem(event)) throw noEvent(event);
    return;
  }
  const { item } = event as { item?: { id?: unknown; type?: unknown } };
  if (typeof item?.id === 'string' && typeof item.type === 'string') return;
  throw new TypeError(
    `An event of type ${event.type} needs an item with an id and a type, not ${describeValue(item)}. assistantMessage({ thread_id: thread.id }) of @chatkit/core makes one.`,
  );
};

/** The error about an update or removal of an item that was never added. It is only reported; the stream goes on. */
export const notAdded = (itemId: string): TypeError =>
  new TypeError(
    `respond() or action() changed the item ${JSON.stringify(itemId)}, which is not in the thread. Yield \`itemAdded(item)\` first, with the same id.`,
  );

/** Throws for an item that says that it belongs to another thread: it would be stored in this one. */
export const assertItemOf = (threadId: string, { id, thread_id }: ThreadItem): void => {
  if (thread_id === threadId) return;
  throw new TypeError(
    `The item ${JSON.stringify(id)} has the thread_id ${JSON.stringify(thread_id)}, which is not this thread. Write \`thread_id: thread.id\`.`,
  );
};

/** Throws for a `thread.updated` of another thread: clients would show that one. */
export const assertThreadOf = (threadId: string, type: string, thread: ThreadMetadata | undefined): void => {
  if (thread?.id === threadId) return;
  throw new TypeError(
    `An event of type ${type} is of the thread ${JSON.stringify(thread?.id)}, which is not this thread. To change this one, assign to \`thread\`.`,
  );
};

/** The error about a value that is not an event. */
export const noEvent = (value: unknown): TypeError =>
  new TypeError(`respond() or action() yielded ${describeValue(value)}, which is not an event. ${adviceFor(value)}`);

const adviceFor = (value: unknown): string => {
  if (typeof value === 'string') {
    return 'For text write `yield* streamTextResponse(thread, text)` of @chatkit/agents/text.';
  }
  if (typeof value === 'object' && value !== null) {
    if (Symbol.asyncIterator in value) return 'Write `yield*` for all of its values.';
    if (isItem(value)) return 'Write `yield itemDone(item)`.';
  }
  return 'An event is an object with a `type`; @chatkit/core has a function for each, such as progressUpdate().';
};

/**
 * The error about an event, or a thread, that JSON cannot represent: it contains a BigInt, a function or a circular
 * reference.
 */
export const notJson = (what: string, cause: unknown): TypeError =>
  new TypeError(`${what} cannot be written as JSON: ${cause instanceof Error ? cause.message : String(cause)}`, {
    cause,
  });

/** Every item has these keys, and no event has. */
const isItem = (value: object): boolean => 'thread_id' in value && 'created_at' in value;
