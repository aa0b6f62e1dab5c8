/**
 * What an application yielded in the place of an event, and what to write instead. Only what cannot be an event of any
 * version is refused: an unknown `type` is passed on.
 */
import type { ThreadStreamEvent } from '@chatkit/core';
import { describeValue } from './describe-value.ts';

const carriesItem: ReadonlySet<string> = new Set<ThreadStreamEvent['type']>([
  'thread.item.added',
  'thread.item.done',
  'thread.item.replaced',
]);

/** Throws for an item in the place of an event, and for an event that lacks its item. */
export const assertShape = (event: ThreadStreamEvent): void => {
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

/**
 * The error about an item that is updated or removed and was never there. The stream goes on: it costs that item alone.
 */
export const notAdded = (itemId: string): TypeError =>
  new TypeError(
    `respond() or action() spoke of the item ${JSON.stringify(itemId)}, which is not in the thread: nobody sees it. Yield \`itemAdded(item)\` first, with the same id.`,
  );

/** The error about a value that is no event. */
export const noEvent = (value: unknown): TypeError =>
  new TypeError(`respond() or action() yielded ${describeValue(value)}, which is no event. ${adviceFor(value)}`);

const adviceFor = (value: unknown): string => {
  if (typeof value === 'string') {
    return 'Text becomes events by `yield* streamTextResponse(thread, text)` of @chatkit/agents/text.';
  }
  if (typeof value === 'object' && value !== null) {
    if (Symbol.asyncIterator in value) return 'Write `yield*` for all that is in it.';
    if (isItem(value)) return 'Write `yield itemDone(item)`.';
  }
  return 'An event is an object with a `type`; @chatkit/core has a function for each, such as progressUpdate().';
};

/** The error about an event, or a thread, with a value in it that cannot be sent: a BigInt, a function, a circle. */
export const notJson = (what: string, cause: unknown): TypeError =>
  new TypeError(`${what} holds what JSON cannot: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });

/** By what every item has and no event does. */
const isItem = (value: object): boolean => 'thread_id' in value && 'created_at' in value;
