/**
 * Every item of a turn passes through here on its way to the client: each event is stored, folded by core's reducer so
 * that unfinished items are known, and filtered for what the client may see. The Python SDK hides items on
 * `thread.item.done` only; here a hidden item is sent on no event, and one that becomes hidden is removed from clients
 * that have seen it.
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
import { ownEvent, surelyFits } from './own-event.ts';
import { isOutOfTime } from './time-limit.ts';

type Taken = ThreadStreamEvent | undefined;
type OnFailed = (error: unknown) => void;
type ItemEvent = Extract<ThreadStreamEvent, { item: ThreadItem }>;

export interface ItemDeskOptions {
  /** The most bytes that the JSON of one event may have (`own-event.ts`). */
  maxEventBytes: number;
  /** The state that readers have already been sent, by the machine that ran the turn before. */
  told?: ThreadState | undefined;
  /** Sends readers an event that must come before the one that is being taken. */
  onBefore?: ((event: ThreadStreamEvent) => Promise<void> | undefined) | undefined;
  /** Called with each event that is not about an item, and each update: its type may be unknown. */
  onUnchecked?: ((event: ThreadStreamEvent) => void) | undefined;
  /** Called once for each item that is updated or removed without having been added: clients ignore such events. */
  onStranger?: ((itemId: string) => void) | undefined;
}

/** A class: each open run has one, and closures for what it does would be a kilobyte more. */
export class ItemDesk<Context> {
  private readonly store: Store<Context>;
  private readonly threadId: string;
  private readonly context: Context;
  private readonly maxEventBytes: number;
  private readonly onBefore: ItemDeskOptions['onBefore'];
  private readonly onUnchecked: ((event: ThreadStreamEvent) => void) | undefined;
  private readonly onStranger: ((itemId: string) => void) | undefined;
  /** The state of the turn, without `text`. */
  private folded: ThreadState;
  /**
   * Text of one part that has not been reduced yet. Consecutive deltas of one part add up to one delta, and nobody
   * looks at the state in between. They are joined only when somebody looks: a growing string would be one more object
   * for each delta.
   */
  private text: { itemId: string; part: number; deltas: string[]; isShown: boolean } | undefined;
  /** Whether the client may see an item, for items that passed in this turn or were looked up. */
  private readonly shown = new Map<string, boolean>();
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
    { maxEventBytes, told = emptyThreadState, onBefore, onUnchecked, onStranger }: ItemDeskOptions,
  ) {
    this.store = store;
    this.threadId = threadId;
    this.context = context;
    this.maxEventBytes = maxEventBytes;
    this.onBefore = onBefore;
    this.onUnchecked = onUnchecked;
    this.onStranger = onStranger;
    this.folded = told;
    this.open = new Set(selectOpenItems(told).map(({ id }) => id));
  }

  state(): ThreadState {
    const { text } = this;
    if (text !== undefined) {
      this.text = undefined;
      this.folded = reduceThread(this.folded, textDelta(text.itemId, text.deltas.join(''), text.part));
    }
    return this.folded;
  }

  /**
   * Stores what the event says and returns what the client gets for it: usually the event itself, sometimes another
   * event or nothing. Returns a promise only where something has to be stored or looked up, so a text delta costs none.
   */
  take(given: ThreadStreamEvent): Taken | Promise<Taken> {
    const event = ownEvent(given, this.maxEventBytes);
    if ('item' in event) this.revised?.delete(event.item.id);
    if (!this.revised?.size || event.type === 'thread.item.updated') return this.takeOwn(event);
    return this.keepRevised().then(() => this.takeOwn(event));
  }

  /**
   * Whether an event is a text delta for an open item, whose visibility is known. Such text may go to `takeText`
   * instead of `take`.
   */
  knows(event: ThreadStreamEvent): event is TextDeltaEvent {
    return (
      typeof event === 'object' &&
      event !== null &&
      isTextDelta(event) &&
      (this.text?.itemId === event.item_id || this.open.has(event.item_id)) &&
      Number.isSafeInteger(event.update.content_index) &&
      surelyFits(event.update.delta, this.maxEventBytes)
    );
  }

  /** Whether the client may see such an item. */
  shows(itemId: string): boolean {
    return this.text?.itemId === itemId ? this.text.isShown : this.shown.get(itemId) !== false;
  }

  /** Takes text deltas for such an item. */
  takeText(itemId: string, part: number, deltas: readonly string[]): void {
    const { text } = this;
    const joined = deltas.length === 1 ? (deltas[0] as string) : deltas.join('');
    if (text?.itemId === itemId && text.part === part) {
      text.deltas.push(joined);
      return;
    }
    this.state();
    this.text = { itemId, part, deltas: [joined], isShown: this.shown.get(itemId) !== false };
  }

  /** Ends every unfinished item: stores it as it is, or removes it. */
  close(verdict: (item: ThreadItem) => 'keep' | 'remove', onFailed?: OnFailed): AsyncIterable<ThreadStreamEvent> {
    return this.closeEach(
      async (item) => (verdict(item) === 'keep' ? this.keepOrRemove(item) : this.take(removed(item.id))),
      onFailed,
    );
  }

  /** Ends every unfinished item as the store has it: as done when it is there, as removed when it is not. */
  closeAsStored(onFailed: OnFailed): AsyncIterable<ThreadStreamEvent> {
    return this.closeEach(async ({ id }) => {
      const item = await this.stored(id);
      if (item === undefined) return this.drop(id);
      const event: ThreadStreamEvent = { type: 'thread.item.done', item };
      this.fold(event);
      return this.shown.get(id) === false || isHiddenItem(item) ? undefined : event;
    }, onFailed);
  }

  /**
   * Yields what readers are sent. A failure ends it, unless `onFailed` is given: the item then counts as removed, because
   * readers must not be left with one that nobody will finish. A store that does not answer is not asked again.
   */
  private async *closeEach(
    close: (item: ThreadItem) => Promise<Taken>,
    onFailed?: OnFailed,
  ): AsyncGenerator<ThreadStreamEvent, void, undefined> {
    let isSilent = false;
    const attempt = async (work: () => Promise<Taken>, instead: () => Taken): Promise<Taken> => {
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
    await attempt(
      () => this.keepRevised().then(() => undefined),
      () => undefined,
    );
    for (const item of selectOpenItems(this.state())) {
      const taken = await attempt(
        () => close(item),
        () => this.drop(item.id),
      );
      if (taken !== undefined) yield taken;
    }
  }

  /** Removes an item that is not stored. */
  private drop(id: string): Taken {
    const event = removed(id);
    this.fold(event);
    return this.shown.get(id) === false ? undefined : event;
  }

  private takeOwn(event: ThreadStreamEvent): Taken | Promise<Taken> {
    switch (event.type) {
      case 'thread.item.added':
        this.open.add(event.item.id);
        this.fold(event);
        return this.showItem(event, this.shown.get(event.item.id));
      case 'thread.item.done':
      case 'thread.item.replaced':
        this.open.delete(event.item.id);
        return this.keep(event);
      case 'thread.item.removed':
        this.open.delete(event.item_id);
        return this.remove(event);
      case 'thread.item.updated': {
        this.onUnchecked?.(event);
        const known = this.shown.get(event.item_id);
        if (known === undefined)
          return this.isShown(event.item_id).then((visible) => this.updateStored(event, visible));
        return this.untouched?.has(event.item_id) ? this.updateStored(event, known) : this.update(event, known);
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
  private updateStored(event: ThreadItemUpdatedEvent, visible: boolean): Taken | Promise<Taken> {
    const { item_id: id, update } = event;
    if (visible && adding.has(update.type) && this.untouched?.delete(id)) {
      const item = selectItem(this.state(), id);
      const room = item && this.onBefore?.({ type: 'thread.item.replaced', item });
      if (room !== undefined) return room.then(() => this.update(event, visible));
    }
    return this.update(event, visible);
  }

  private update(event: ThreadItemUpdatedEvent, visible: boolean): Taken {
    this.fold(event);
    if (!this.open.has(event.item_id)) {
      this.revised ??= new Set();
      this.revised.add(event.item_id);
    }
    return visible ? event : undefined;
  }

  private showItem(event: ItemEvent, before: boolean | undefined): Taken {
    const { id } = event.item;
    this.shown.set(id, !isHiddenItem(event.item));
    if (!isHiddenItem(event.item)) return event;
    return before === true ? { type: 'thread.item.removed', item_id: id } : undefined;
  }

  private async keep(event: ItemEvent): Promise<Taken> {
    // Whether the item was visible before matters only if it is hidden now. The look-up must come before the write.
    const before = isHiddenItem(event.item) ? await this.wasShown(event.item.id) : undefined;
    await this.store.saveItem(this.threadId, event.item, this.context);
    this.fold(event);
    return this.showItem(event, before);
  }

  private async remove(event: ThreadItemRemovedEvent): Promise<Taken> {
    const visible = await this.isShown(event.item_id);
    await this.store.deleteItem(this.threadId, event.item_id, this.context);
    this.fold(event);
    return visible ? event : undefined;
  }

  private async keepRevised(): Promise<void> {
    for (const id of this.revised ?? []) {
      this.revised?.delete(id);
      const item = selectItem(this.state(), id);
      if (item !== undefined) await this.store.saveItem(this.threadId, item, this.context);
    }
  }

  /** Finishes an item. If its deltas have added up to more than one event may hold, it is removed instead. */
  private async keepOrRemove(item: ThreadItem): Promise<Taken> {
    try {
      return await this.take({ type: 'thread.item.done', item });
    } catch (error) {
      if (!isChatKitError(error, 'event.too_large')) throw error;
      return this.take(removed(item.id));
    }
  }

  private async isShown(itemId: string): Promise<boolean> {
    const known = this.shown.get(itemId);
    if (known !== undefined) return known;
    const item = await this.stored(itemId);
    if (item === undefined) this.onStranger?.(itemId);
    else {
      this.untouched ??= new Set();
      this.untouched.add(itemId);
      this.fold({ type: 'thread.item.done', item });
    }
    const visible = item === undefined || !isHiddenItem(item);
    this.shown.set(itemId, visible);
    return visible;
  }

  private async wasShown(itemId: string): Promise<boolean> {
    const known = this.shown.get(itemId);
    if (known !== undefined) return known;
    const item = await this.stored(itemId);
    return item !== undefined && !isHiddenItem(item);
  }

  private async stored(itemId: string): Promise<ThreadItem | undefined> {
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

const removed = (id: string): ThreadItemRemovedEvent => ({ type: 'thread.item.removed', item_id: id });
