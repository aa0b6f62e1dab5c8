/**
 * `threads.custom_action` and `threads.sync_custom_action`: the user pressed something in a widget, or the page sent an
 * action of its own. The first answers with a stream; the second with JSON, and is allowed while a run is in progress.
 */
import {
  type ChatKitRequestOf,
  isHiddenItem,
  itemReplaced,
  type ThreadItem,
  type ThreadStreamEventOf,
  toWireItem,
  type WidgetItem,
} from '@chatkit/core';
import { assertItemOf } from '../event-shape.ts';
import { mistakeOf, storeOf } from '../mistake-of.ts';
import { ownEvent } from '../own-event.ts';
import type { ServerParts } from '../server-parts.ts';
import { ThreadChanges } from '../thread-changes.ts';
import { loadItemOf, publicRun, stream, type Turn } from './turn.ts';

type Params = ChatKitRequestOf<'threads.custom_action'>['params'];

export const prepareCustomAction = async <Context>(
  parts: ServerParts<Context>,
  { thread_id, item_id, action }: Params,
  context: Context,
): Promise<Turn> => {
  const stored = await parts.store.loadThread(thread_id, context);
  const sender = item_id === undefined ? null : await parts.store.loadItem(thread_id, item_id, context);
  if (sender !== null && sender.type !== 'widget') {
    // The only check whose failure is an event and not a status: the official component expects it on the stream.
    return async (run) => {
      await run.writer.write({ type: 'error', code: 'stream.error', allow_retry: false });
      return 'failed';
    };
  }
  return (run) =>
    stream(parts, stored, context, run, (thread) => parts.action(thread, action, sender, context, publicRun(run)));
};

/** Stores the returned item (the Python SDK leaves that to the application) and sends it back unless it is hidden. */
export const syncCustomAction = async <Context>(
  parts: ServerParts<Context>,
  { thread_id, item_id, action }: Params,
  context: Context,
): Promise<{ updated_item?: ThreadItem }> => {
  const changes = new ThreadChanges(parts.store, await parts.store.loadThread(thread_id, context), context);
  const sender: WidgetItem | null =
    item_id === undefined ? null : await loadItemOf(parts, thread_id, item_id, 'widget', context);
  const { updated_item } = (await parts.syncAction(changes.thread, action, sender, context)) ?? {};
  // Checked before anything is stored.
  const item = updated_item && ownItem(parts, thread_id, updated_item);
  await changes.save();
  if (!item) return {};
  await storeOf('syncAction', () => parts.store.saveItem(thread_id, item, context));
  return isHiddenItem(item) ? {} : { updated_item: toWireItem(item) };
};

/** The server's own copy of the item that `syncAction()` returned, checked like one on a stream. */
const ownItem = <Context>({ settings }: ServerParts<Context>, threadId: string, given: ThreadItem): ThreadItem => {
  try {
    const event = ownEvent(itemReplaced(given), settings.maxEventBytes) as ThreadStreamEventOf<'thread.item.replaced'>;
    assertItemOf(threadId, event.item);
    return event.item;
  } catch (cause) {
    throw mistakeOf('syncAction', cause);
  }
};
