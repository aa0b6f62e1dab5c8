/**
 * What happens to each event of a turn: it is stored, written for the readers if they may see it, and followed by
 * `thread.updated` if the application has changed the thread meanwhile.
 */
import type { Store, StoredThread, ThreadStreamEvent, ThreadStreamEventOf } from '@chatkit/core';
import { closeItems } from './close-items.ts';
import { threadUpdated } from './close-stopped.ts';
import { assertThreadOf, notAdded } from './event-shape.ts';
import type { EventWriter } from './event-writer.ts';
import { hasContent } from './partial-answer.ts';
import { reportUnknown } from './report-unknown.ts';
import { TextBatch } from './text-batch.ts';
import { applyThread, ThreadChanges } from './thread-changes.ts';
import { TurnItems, type VisibleEvent } from './turn-items.ts';

/** Is told when the application is waited for. For deadlines, and for metrics. */
export interface TurnWatch {
  /** The loop begins to wait for the application's first event, or for its next one. */
  waiting(first: boolean): void;
  /** The loop no longer waits. Returns whether the turn goes on; if not, what has arrived is dropped. */
  arrived(): boolean;
  /** The turn has failed. */
  failed?(error: unknown): void;
}

export interface EventProcessorOptions<Context> {
  store: Store<Context>;
  thread: StoredThread;
  context: Context;
  /** The most bytes that the JSON of one event may have. */
  maxEventBytes: number;
  /** Receives errors whose details the client must not see. */
  onError: (error: unknown) => void;
  /** Receives the events that the client may see. */
  writer: EventWriter;
  watch?: TurnWatch | undefined;
}

/** A class and not closures: there is one per run, and each token finds it out of the processor's caches. */
export class EventProcessor<Context> {
  readonly items: TurnItems<Context>;
  readonly changes: ThreadChanges<Context>;
  private readonly writer: EventWriter;
  private readonly watch: TurnWatch | undefined;
  private readonly text: TextBatch;

  constructor(options: EventProcessorOptions<Context>) {
    const { store, thread, context, maxEventBytes, onError, writer } = options;
    this.writer = writer;
    this.watch = options.watch;
    this.changes = new ThreadChanges(store, thread, context);
    this.items = new TurnItems(store, thread.thread.id, context, {
      maxEventBytes,
      writeBefore: (event) => writer.write(event),
      onUnchecked: (event) => reportUnknown(event, onError, store),
      onUnknownItem: (itemId) => onError(notAdded(itemId)),
    });
    this.text = new TextBatch(this.writeText);
  }

  /**
   * Takes the next event. Called once per token, so it returns a promise only if there is something to wait for: the
   * store, or room in the log.
   */
  readonly take = (event: ThreadStreamEvent): Promise<void> | undefined => {
    const { items, text } = this;
    if (text.continues(event)) return this.takeMoreText(event.update.delta);
    // Not read from the signal, one more object for a token to find. A signal that aborts between two events ends the
    // reading of them; only what `arrived()` finds, that the lease has run out, comes in between.
    if (this.watch?.arrived() === false) return undefined;
    if (items.isOpenText(event))
      return this.done(text.begin(event.item_id, event.update.content_index, event.update.delta));
    const room = text.end();
    const taken = items.take(event);
    if (taken instanceof Promise) return taken.then((visible) => this.doneLater(room, visible));
    if (isOfThread(taken)) return this.doneLater(room, taken);
    return this.done(taken === undefined ? room : (this.writer.write(taken) ?? room));
  };

  /** Writes the text that waits to be written together. */
  flush(): Promise<void> | undefined {
    return this.text.end();
  }

  /** Writes events that the server adds at the end of the turn. */
  async writeAll(events: readonly ThreadStreamEvent[]): Promise<void> {
    await this.flush();
    for (const event of events) await this.writer.write(event);
  }

  /** The application has no more events: finishes the items that it has left open. */
  async complete(): Promise<void> {
    const closing = closeItems(this.items, (item) => (hasContent(item) ? 'keep' : 'as stored'));
    // One by one: what has been stored must have been written if the next one fails.
    for await (const event of closing) await this.writer.write(event);
    await this.writeAll(await threadUpdated(this.changes));
  }

  /**
   * Stores what an application has said of the thread in an event of its own, which the Python SDK only passes on. What
   * it has also assigned to `thread` is announced as ever.
   */
  private async storeThread({ type, thread }: ThreadEvent): Promise<void> {
    const { changes } = this;
    assertThreadOf(changes.thread.id, type, thread);
    const isToBeAnnounced = changes.isChanged();
    applyThread(changes.thread, thread);
    if (!isToBeAnnounced) await changes.save();
  }

  /** Text for the part that the last text was for. */
  private takeMoreText(delta: string): Promise<void> | undefined {
    const room = this.text.add(delta);
    if (room === undefined && !this.changes.isChanged()) return undefined;
    this.watch?.arrived();
    return this.doneLater(room);
  }

  /** An event has been taken. */
  private done(room: Promise<void> | undefined): Promise<void> | undefined {
    if (room !== undefined || this.changes.isChanged()) return this.doneLater(room);
    this.watch?.waiting(false);
    return undefined;
  }

  /** An event has been taken, once there is room for `event`, what the readers get for it. */
  private async doneLater(room: Promise<void> | undefined, event?: ThreadStreamEvent): Promise<void> {
    await room;
    if (isOfThread(event)) await this.storeThread(event);
    if (event !== undefined) await this.writer.write(event);
    if (this.changes.isChanged()) await this.writeAll(await threadUpdated(this.changes));
    this.watch?.waiting(false);
  }

  private readonly writeText = (itemId: string, part: number, deltas: readonly string[]): Promise<void> | undefined => {
    const { items } = this;
    let room: Promise<void> | undefined;
    try {
      if (items.isVisible(itemId)) room = this.writer.writeText(itemId, part, deltas);
    } catch (error) {
      if (deltas.length === 1) throw error;
      // One of them is too large: written one by one, those before it are kept.
      for (const delta of deltas) room = this.writeText(itemId, part, [delta]) ?? room;
      return room;
    }
    // After writing: text that no reader can be sent must not become part of the stored answer.
    items.addText(itemId, part, deltas);
    return room;
  };
}

type ThreadEvent = ThreadStreamEventOf<'thread.created' | 'thread.updated'>;

const isOfThread = (event: VisibleEvent): event is ThreadEvent =>
  event?.type === 'thread.updated' || event?.type === 'thread.created';
