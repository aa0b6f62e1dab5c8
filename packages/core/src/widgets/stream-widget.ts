/** A widget, or a widget that changes while it is being made, as the events of one item. */
import { itemAdded, itemDone, itemUpdated } from '../build/event.ts';
import { widgetItem } from '../build/item.ts';
import { ChatKitError } from '../error.ts';
import type { ThreadStreamEvent } from '../event.ts';
import { createId, type IdKind } from '../id.ts';
import type { WidgetRoot } from '../widget.ts';
import { diffWidget } from './diff-widget.ts';

/** What goes with the widget. */
export interface StreamWidgetOptions {
  /** What the client copies for the widget. */
  copyText?: string | undefined;
  /** Makes the id of the item. Default: `createId`. */
  createId?: ((kind: IdKind) => string) | undefined;
}

/**
 * Streams a widget. One that is there already becomes `thread.item.done`; an async iterable of its states becomes
 * `added` with the first, updates for what changed, and `done` with the last. States must be cumulative and must not be
 * changed after they were given. An iterable that ends without a state is an error. Ending the returned iterable
 * early ends the source; an error of the source passes through and leaves the item open, for the server to settle.
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
  if (item === undefined) throw new ChatKitError('internal', 'The source of the widget ended without giving one.');
  yield itemDone(item);
}

const isAsyncIterable = (value: WidgetRoot | AsyncIterable<WidgetRoot>): value is AsyncIterable<WidgetRoot> =>
  typeof (value as AsyncIterable<WidgetRoot>)[Symbol.asyncIterator] === 'function';
