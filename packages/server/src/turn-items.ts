/**
 * The items of a turn. Each event is stored, folded by core's reducer so that unfinished items are known, and filtered
 * for what the client may see. The Python SDK hides items on `thread.item.done` only; here a hidden item is sent on no
 * event, and one that becomes hidden is removed from clients that have seen it.
 */
import {
  emptyThreadState,
  isChatKitError,
  isHiddenItem,
  isTextDelta,
  reduceThread,
  type Store,
  selectItem,
  selectOpenItems,
  type TextDeltaEvent,
  type ThreadItem,
  type ThreadItemRemovedEvent,
  type ThreadItemUpdatedEvent,
  type ThreadState,
  type ThreadStreamEvent,
  textDelta,
} from '@chatkit/core';
import { assertItemOf } from './event-shape.ts';
import { ownEvent, surelyFits } from './own-event.ts';
import type { Sent } from './salvage.ts';

/** What the client gets for an event: the event itself, another event or nothing. */
export type VisibleEvent = ThreadStreamEvent | undefined;
type ItemEvent = Extract<ThreadStreamEvent, { item: ThreadItem }>;

export interface TurnItemsOptions {
  /** The most bytes that the JSON of one event may have (`own-event.ts`). */
  maxEventBytes: number;
  /** What readers have already been sent, by the machine that ran the turn before. */
  sent?: Pick<Sent, 'state' | 'revised'> | undefined;
  /** Writes an event that readers must get before the one that is being taken. */
  writeBefore?: ((event: ThreadStreamEvent) => Promise<void> | undefined) | undefined;
  /** Called with each event that is not about an item, and each update: its type may be unknown. */
  onUnchecked?: ((event: ThreadStreamEvent) => void) | undefined;
  /** Called once for each item that is updated or removed without having been added: clients ignore such events. */
  onUnknownItem?: ((itemId: string) => void) | undefined;
}

/**
 * Events are passed to `take()`, one after the other. Text for an open item, which is most of what comes, may go a
 * shorter way: if `isOpenText(event)`, it is written if the item `isVisible()`, and then added with `addText()`.
 *
 * A class: each open run has one, and closures for what it does would be a kilobyte more.
 */
export class TurnItems<Context> {
  private readonly store: Store<Context>;
  private readonly threadId: string;
  private readonly context: Context;
  private readonly maxEventBytes: number;
  private readonly writeBefore: TurnItemsOptions['writeBefore'];
  private readonly onUnchecked: TurnItemsOptions['onUnchecked'];
  private readonly onUnknownItem: TurnItemsOptions['onUnknownItem'];
  /** The state of the turn, without `text`. */
  private folded: ThreadState;
  /**
   * Text of one part that has not been reduced yet. Consecutive deltas of one part add up to one delta, and nobody
   * looks at the state in between. They are joined only when somebody looks: a growing string would be one more object
   * for each delta.
   */
  private text: { itemId: string; part: number; deltas: string[]; isVisible: boolean } | undefined;
  /** Whether the client may see an item, for items that passed in this turn or were looked up. */
  private readonly visible = new Map<string, boolean>();
  /** Items that were added and are not done. They are stored when they are. */
  private readonly open: Set<string>;
  /**
   * Finished items, of this turn or an earlier one, that an update has changed since they were stored. They are stored
   * before the next event that is not an update, and at the end, but not at each update: a workflow may be updated with
   * every token.
   */
  private revised: Set<string> | undefined;
  /** Items of earlier turns to which this one has not added anything. */
  private untouched: Set<string> | undefined;

  constructor(
    store: Store<Context>,
    threadId: string,
    context: Context,
    { maxEventBytes, sent, writeBefore, onUnchecked, onUnknownItem }: TurnItemsOptions,
  ) {
    this.store = store;
    this.threadId = threadId;
    this.context = context;
    this.maxEventBytes = maxEventBytes;
    this.writeBefore = writeBefore;
    this.onUnchecked = onUnchecked;
    this.onUnknownItem = onUnknownItem;
    this.folded = sent?.state ?? emptyThreadState;
    this.open = new Set(selectOpenItems(this.folded).map(({ id }) => id));
    this.revised = sent && new Set([...sent.revised].filter((id) => !this.open.has(id)));
  }

  /** What the events of the turn add up to. */
  state(): ThreadState {
    const { text } = this;
    if (text !== undefined) {
      this.text = undefined;
      this.folded = reduceThread(this.folded, textDelta(text.itemId, text.deltas.join(''), text.part));
    }
    return this.folded;
  }

  /**
   * Whether an event is a text delta for an open item. Such an item's visibility is known, so nothing has to be looked
   * up.
   */
  isOpenText(event: ThreadStreamEvent): event is TextDeltaEvent {
    return (
      typeof event === 'object' &&
      event !== null &&
      isTextDelta(event) &&
      (this.text?.itemId === event.item_id || this.open.has(event.item_id)) &&
      Number.isSafeInteger(event.update.content_index) &&
      surelyFits(event.update.delta, this.maxEventBytes)
    );
  }

  /** Whether the client may see an open item. */
  isVisible(itemId: string): boolean {
    return this.text?.itemId === itemId ? this.text.isVisible : this.visible.get(itemId) !== false;
  }

  /** Adds text deltas to an open item. */
  addText(itemId: string, part: number, deltas: readonly string[]): void {
    const { text } = this;
    const joined = deltas.length === 1 ? (deltas[0] as string) : deltas.join('');
    if (text?.itemId === itemId && text.part === part) {
      text.deltas.push(joined);
      return;
    }
    this.state();
    this.text = { itemId, part, deltas: [joined], isVisible: this.visible.get(itemId) !== false };
  }

  /**
   * Stores what the event says and returns what the client gets for it. Returns a promise only where something has to
   * be stored or looked up, so text costs none.
   */
  take(given: ThreadStreamEvent): VisibleEvent | Promise<VisibleEvent> {
    const event = ownEvent(given, this.maxEventBytes);
    if ('item' in event) {
      assertItemOf(this.threadId, event.item);
      this.revised?.delete(event.item.id);
    }
    if (!this.revised?.size || event.type === 'thread.item.updated') return this.takeOwn(event);
    return this.takeBehindRevised(event);
  }

  /** The finished items that have been updated since they were stored. */
  revisedIds(): readonly string[] {
    return [...(this.revised ?? [])];
  }

  /** Stores one of them. It stays among them if that fails. */
  async storeRevised(id: string): Promise<undefined> {
    const item = selectItem(this.state(), id);
    if (item !== undefined) await this.store.saveItem(this.threadId, item, this.context);
    this.revised?.delete(id);
  }

  /** Ends an unfinished item as the store has it: as done when it is there, as removed when it is not. */
  async endAsStored(id: string): Promise<VisibleEvent> {
    const item = await this.load(id);
    if (item === undefined) return this.drop(id);
    const event: ThreadStreamEvent = { type: 'thread.item.done', item };
    this.fold(event);
    return this.showItem(event, this.visible.get(id));
  }

  /** Removes an item that is not stored. */
  drop(id: string): VisibleEvent {
    const event: ThreadItemRemovedEvent = { type: 'thread.item.removed', item_id: id };
    this.fold(event);
    return this.visible.get(id) === false ? undefined : event;
  }

  private async takeBehindRevised(event: ThreadStreamEvent): Promise<VisibleEvent> {
    for (const id of this.revisedIds()) await this.storeRevised(id);
    return this.takeOwn(event);
  }

  private takeOwn(event: ThreadStreamEvent): VisibleEvent | Promise<VisibleEvent> {
    switch (event.type) {
      case 'thread.item.added':
        this.open.add(event.item.id);
        if (isHiddenItem(event.item)) return this.hide(event);
        this.fold(event);
        return this.showItem(event);
      case 'thread.item.done':
      case 'thread.item.replaced':
        this.open.delete(event.item.id);
        return this.keep(event);
      case 'thread.item.removed':
        this.open.delete(event.item_id);
        return this.remove(event);
      case 'thread.item.updated': {
        this.onUnchecked?.(event);
        const visible = this.visible.get(event.item_id);
        if (visible === undefined)
          return this.lookUpVisible(event.item_id).then((found) => this.updateStored(event, found));
        return this.untouched?.has(event.item_id) ? this.updateStored(event, visible) : this.update(event, visible);
      }
      default:
        this.onUnchecked?.(event);
        return event;
    }
  }

  /**
   * Updates an item of an earlier turn. A client that reloads may be given it with updates of this turn, which it then
   * gets again with the replay. So before the first one that adds to what is there, readers are sent the item itself.
   */
  private updateStored(event: ThreadItemUpdatedEvent, visible: boolean): VisibleEvent | Promise<VisibleEvent> {
    const { item_id: id, update } = event;
    if (visible && adding.has(update.type) && this.untouched?.delete(id)) {
      const item = selectItem(this.state(), id);
      const room = item && this.writeBefore?.({ type: 'thread.item.replaced', item });
      if (room !== undefined) return room.then(() => this.update(event, visible));
    }
    return this.update(event, visible);
  }

  private update(event: ThreadItemUpdatedEvent, visible: boolean): VisibleEvent {
    this.fold(event);
    if (!this.open.has(event.item_id)) {
      this.revised ??= new Set();
      this.revised.add(event.item_id);
    }
    return visible ? event : undefined;
  }

  private showItem(event: ItemEvent, wasVisible?: boolean): VisibleEvent {
    const { id } = event.item;
    this.visible.set(id, !isHiddenItem(event.item));
    if (!isHiddenItem(event.item)) return event;
    return wasVisible === true ? { type: 'thread.item.removed', item_id: id } : undefined;
  }

  /** Begins a hidden item. Its id may be that of an item of an earlier turn, which clients have. */
  private async hide(event: ItemEvent): Promise<VisibleEvent> {
    const wasVisible = await this.wasVisible(event.item.id);
    this.fold(event);
    return this.showItem(event, wasVisible);
  }

  private async keep(event: ItemEvent): Promise<VisibleEvent> {
    // Whether the item was visible before matters only if it is hidden now. The look-up must come before the write.
    const wasVisible = isHiddenItem(event.item) ? await this.wasVisible(event.item.id) : undefined;
    await this.store.saveItem(this.threadId, event.item, this.context);
    this.fold(event);
    return this.showItem(event, wasVisible);
  }

  private async remove(event: ThreadItemRemovedEvent): Promise<VisibleEvent> {
    const visible = await this.lookUpVisible(event.item_id);
    await this.store.deleteItem(this.threadId, event.item_id, this.context);
    this.fold(event);
    return visible ? event : undefined;
  }

  /** Whether the client may see an item, which may be of an earlier turn. */
  private async lookUpVisible(itemId: string): Promise<boolean> {
    const known = this.visible.get(itemId);
    if (known !== undefined) return known;
    const item = await this.load(itemId);
    if (item === undefined) this.onUnknownItem?.(itemId);
    else {
      this.untouched ??= new Set();
      this.untouched.add(itemId);
      this.fold({ type: 'thread.item.done', item });
    }
    const visible = item === undefined || !isHiddenItem(item);
    this.visible.set(itemId, visible);
    return visible;
  }

  private async wasVisible(itemId: string): Promise<boolean> {
    const known = this.visible.get(itemId);
    if (known !== undefined) return known;
    const item = await this.load(itemId);
    return item !== undefined && !isHiddenItem(item);
  }

  private async load(itemId: string): Promise<ThreadItem | undefined> {
    try {
      return await this.store.loadItem(this.threadId, itemId, this.context);
    } catch (error) {
      if (isChatKitError(error, 'item.not_found')) return undefined;
      throw error;
    }
  }

  private fold(event: ThreadStreamEvent): void {
    this.folded = reduceThread(this.state(), event);
  }
}

/** Updates that change an item once more if they come twice. */
const adding: ReadonlySet<string> = new Set<ThreadItemUpdatedEvent['update']['type']>([
  'assistant_message.content_part.text_delta',
  'assistant_message.content_part.annotation_added',
  'widget.streaming_text.value_delta',
  'workflow.task.added',
]);
