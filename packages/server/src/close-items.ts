/**
 * Ends the items that a turn has left unfinished, and yields the events that readers are sent. A failure ends that,
 * unless `onFailed` is given: the item then counts as removed, because readers must not be left with one that nobody
 * will finish.
 */
import { isChatKitError, selectOpenItems, type ThreadItem, type ThreadStreamEvent } from '@chatkit/core';
import { isOutOfTime } from './time-limit.ts';
import type { TurnItems, VisibleEvent } from './turn-items.ts';

type OnFailed = (error: unknown) => void;

/**
 * Stores each unfinished item as it is, or ends it `as stored`: as done when the store has it, because an earlier turn
 * finished it and this one announced it again, and as removed when it does not.
 */
export const closeItems = <Context>(
  items: TurnItems<Context>,
  verdict: (item: ThreadItem) => 'keep' | 'as stored',
  onFailed?: OnFailed,
): AsyncIterable<ThreadStreamEvent> =>
  closeEach(
    items,
    (item) => (verdict(item) === 'keep' ? keepIfItFits(items, item) : items.endAsStored(item.id)),
    onFailed,
  );

/** A store that does not answer is not asked again. */
async function* closeEach<Context>(
  items: TurnItems<Context>,
  close: (item: ThreadItem) => Promise<VisibleEvent>,
  onFailed?: OnFailed,
): AsyncGenerator<ThreadStreamEvent, void, undefined> {
  let isSilent = false;
  const attempt = async (work: () => Promise<VisibleEvent>, instead: () => VisibleEvent): Promise<VisibleEvent> => {
    if (isSilent) return instead();
    try {
      return await work();
    } catch (error) {
      if (onFailed === undefined) throw error;
      onFailed(error);
      isSilent = isOutOfTime(error);
      return instead();
    }
  };
  for (const id of items.revisedIds())
    await attempt(
      () => items.storeRevised(id),
      () => undefined,
    );
  for (const item of selectOpenItems(items.state())) {
    const visible = await attempt(
      () => close(item),
      () => items.drop(item.id),
    );
    if (visible !== undefined) yield visible;
  }
}

/** Finishes an item, unless its deltas have added up to more than one event may hold. */
const keepIfItFits = async <Context>(items: TurnItems<Context>, item: ThreadItem): Promise<VisibleEvent> => {
  try {
    return await items.take({ type: 'thread.item.done', item });
  } catch (error) {
    if (!isChatKitError(error, 'event.too_large')) throw error;
    return items.endAsStored(item.id);
  }
};
