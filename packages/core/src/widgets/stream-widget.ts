/** `streamWidget`: sends a widget, or a widget that changes while it is being made, as the events of one item. */
import { itemAdded, itemDone, itemUpdated } from '../build/event.ts';
import { widgetItem } from '../build/item.ts';
import { ChatKitError } from '../error.ts';
import type { ThreadStreamEvent } from '../event.ts';
import { createId, type IdKind } from '../id.ts';
import type { WidgetRoot } from '../widget.ts';
import { diffWidget } from './diff-widget.ts';

/** Options of `streamWidget`. */
export interface StreamWidgetOptions {
  /** The text that the client's copy button copies. */
  copyText?: string | undefined;
  /** Makes the id of the item. Default: `createId`. */
  createId?: ((kind: IdKind) => string) | undefined;
}

/**
 * Streams a widget. A finished widget becomes `thread.item.done`; an async iterable of its states becomes `added` with
 * the first, updates for the changes, and `done` with the last. States must be cumulative and must not be mutated after
 * they were yielded. An iterable that yields no state is an error. Closing the returned iterable early closes the
 * source. An error of the source is rethrown and leaves the item open, for the server to settle.
 *
 * @example
 * yield* streamWidget(thread, card({ children: [text({ value: 'Booked.' })] }), { copyText: 'Booked.' });
 */
export async function* streamWidget(
  thread: { readonly id: string },
  widget: WidgetRoot | AsyncIterable<WidgetRoot>,
  options: StreamWidgetOptions = {},
): AsyncGenerator<ThreadStreamEvent, void, undefined> {
  const id = (options.createId ?? createId)('message');
  const itemOf = (state: WidgetRoot) =>
    widgetItem({ id, thread_id: thread.id, widget: state, copy_text: options.copyText });
  if (!isAsyncIterable(widget)) {
    yield itemDone(itemOf(widget));
    return;
  }
  let item: ReturnType<typeof widgetItem> | undefined;
  for await (const state of widget) {
    if (item === undefined) {
      item = itemOf(state);
      yield itemAdded(item);
      continue;
    }
    for (const update of diffWidget(item.widget, state)) yield itemUpdated(id, update);
    item = { ...item, widget: state };
  }
  if (item === undefined)
    throw new ChatKitError('internal', 'The iterable passed to streamWidget ended without yielding a widget.');
  yield itemDone(item);
}

const isAsyncIterable = (value: WidgetRoot | AsyncIterable<WidgetRoot>): value is AsyncIterable<WidgetRoot> =>
  typeof (value as AsyncIterable<WidgetRoot>)[Symbol.asyncIterator] === 'function';
