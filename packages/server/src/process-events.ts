/**
 * The core loop: what an application yields goes in, what the client may see comes out, and everything in between is
 * stored first. One rule explains most of it: at any moment the stored thread and the stream tell the same story, so a
 * client that reloads sees what it saw. Hence persist before yield; hidden items leave on no event; an item that was
 * begun and not finished is kept whole or removed when the turn ends, however it ends, never left dangling.
 */
import {
  type ChatKitError,
  type ErrorEvent,
  isChatKitError,
  isCustomStreamError,
  isStreamError,
  type Store,
  type StoredThread,
  type StreamOptions,
  type ThreadItem,
  type ThreadMetadata,
  type ThreadStreamEvent,
} from '@chatkit/core';
import type { Clock } from './clock.ts';
import { closeStopped, quietly, threadUpdated } from './close-stopped.ts';
import { describeValue } from './describe-value.ts';
import { notAdded } from './event-shape.ts';
import { GuardedSource } from './guarded-source.ts';
import { createItemDesk } from './item-desk.ts';
import type { AddedItems } from './server-parts.ts';
import { TextBatch } from './text-batch.ts';
import { watchThread } from './thread-changes.ts';

/** How the events of a turn ended: on their own, by an error (the client has been told), or because of the signal. */
export type TurnResult = 'completed' | 'failed' | 'stopped';

/**
 * Takes events on their way to the readers. A promise is the backpressure: it resolves when there is room for more, or
 * none is needed any more. Never rejects; throws `event.too_large` alone, and has then written nothing.
 */
export interface Voice {
  /** Says an event. */
  say(event: ThreadStreamEvent): Promise<void> | undefined;
  /** Says text deltas of one part, at least one. Of several, those before one that is too large may be said twice. */
  sayText(itemId: string, part: number, deltas: readonly string[]): Promise<void> | undefined;
}

/** What the loop needs to know of a turn. */
export interface ProcessOptions<Context> {
  store: Store<Context>;
  thread: StoredThread;
  context: Context;
  /** Aborts to stop the turn. */
  signal: AbortSignal;
  clock: Clock;
  cancelGraceMs: number;
  /** The most bytes that the JSON of one event may have. */
  maxEventBytes: number;
  partialOnError: 'keep' | 'remove';
  /** Calls the application. May throw. */
  source: (thread: ThreadMetadata) => AsyncIterable<ThreadStreamEvent>;
  streamOptions: (thread: ThreadMetadata) => StreamOptions | Promise<StreamOptions>;
  /** Stores what is to be kept of a stopped turn, and returns what is to be added to it. */
  onCancelled: (thread: ThreadMetadata, pending: readonly ThreadItem[]) => Promise<AddedItems>;
  /** Takes errors whose text the client does not get. */
  onError: (error: unknown) => void;
  /** Takes what the client may see. */
  voice: Voice;
  /** Is told when the loop waits for the application, and when it no longer does. */
  watch?: { waiting(first: boolean): void; arrived(): void } | undefined;
}

/**
 * Runs one turn. Stopping it, by the signal, calls `onCancelled` once with the unfinished items; it then goes on to
 * tell its readers what became of them. Rejects only with what `streamOptions` or the store throw before there is a
 * source.
 */
export const processEvents = async <Context>(options: ProcessOptions<Context>): Promise<TurnResult> => {
  const { store, context, signal, onError, voice, watch } = options;
  const changes = watchThread(store, options.thread, context);
  const { thread } = changes;
  const desk = createItemDesk(store, thread.id, context, {
    maxEventBytes: options.maxEventBytes,
    onStranger: (itemId) => onError(notAdded(itemId)),
  });
  let source: GuardedSource<ThreadStreamEvent> | undefined;

  const sayText = (itemId: string, part: number, deltas: readonly string[]): Promise<void> | undefined => {
    let room: Promise<void> | undefined;
    try {
      if (desk.shows(itemId)) room = voice.sayText(itemId, part, deltas);
    } catch (error) {
      if (deltas.length === 1) throw error;
      // One of them is too large; what came before it is kept.
      for (const delta of deltas) room = sayText(itemId, part, [delta]) ?? room;
      return room;
    }
    // Behind it: what no reader could be told is not part of the answer.
    desk.takeText(itemId, part, deltas);
    return room;
  };
  const text = new TextBatch(sayText);

  const sayAll = async (events: readonly ThreadStreamEvent[]): Promise<void> => {
    await text.end();
    for (const event of events) await voice.say(event);
  };
  const finishTaking = async (event: ThreadStreamEvent | undefined, room: Promise<void> | undefined) => {
    await room;
    if (event !== undefined) await voice.say(event);
    if (changes.isChanged()) await sayAll(await threadUpdated(changes));
    watch?.waiting(false);
  };
  // Once per token, hence without a promise where there is nothing to wait for.
  const take = (given: ThreadStreamEvent): Promise<void> | undefined => {
    if (text.continues(given)) {
      const room = text.add(given.update.delta);
      if (room === undefined && !changes.isChanged()) return undefined;
      watch?.arrived();
      return finishTaking(undefined, room);
    }
    watch?.arrived();
    // Looking may have found that another machine owns the run.
    if (signal.aborted) return undefined;
    let room: Promise<void> | undefined;
    if (desk.knows(given)) room = text.begin(given.item_id, given.update.content_index, given.update.delta);
    else {
      room = text.end();
      const taken = desk.take(given);
      if (taken instanceof Promise) return taken.then((event) => finishTaking(event, room));
      if (taken !== undefined) room = voice.say(taken) ?? room;
    }
    if (room !== undefined || changes.isChanged()) return finishTaking(undefined, room);
    watch?.waiting(false);
    return undefined;
  };

  try {
    signal.throwIfAborted();
    await voice.say({ type: 'stream_options', stream_options: await options.streamOptions(thread) });
    signal.throwIfAborted();
    source = new GuardedSource(iterable(options.source(thread)), signal, options.clock);
    watch?.waiting(true);
    await source.read(take);
    watch?.arrived();
    await text.end();
    signal.throwIfAborted();
    await sayAll(await desk.close((item) => (isWorthKeeping(item) ? 'keep' : 'remove')));
    await sayAll(await threadUpdated(changes));
    return 'completed';
  } catch (error) {
    watch?.arrived();
    await quietly(onError, async () => {
      await text.end();
      return [];
    });
    await source?.stop(options.cancelGraceMs);
    if (signal.aborted && !isDeadline(signal.reason)) {
      // When the run is lost, another machine may be writing to the thread by now.
      if (!isLost(signal.reason)) await sayAll(await closeStopped(options, changes, desk));
      return 'stopped';
    }
    const reason = signal.aborted ? signal.reason : error;
    if (!isCustomStreamError(reason) && !isStreamError(reason)) onError(reason);
    const keep = options.partialOnError === 'keep';
    const closed = await quietly(onError, () =>
      desk.close((item) => (keep && isPartialAnswer(item) ? 'keep' : 'remove')),
    );
    const updated = await quietly(onError, () => threadUpdated(changes));
    await sayAll([...closed, toErrorEvent(reason), ...updated]);
    return signal.aborted ? 'stopped' : 'failed';
  }
};

/**
 * What the client reads of an error. Only a `CustomStreamError` has its message sent; anything that the application did
 * not throw on purpose becomes `stream.error`, so that no secret in a message or a stack reaches a browser.
 */
export const toErrorEvent = (error: unknown): ErrorEvent => {
  if (isCustomStreamError(error)) {
    return { type: 'error', code: 'custom', message: error.message, allow_retry: error.allowRetry };
  }
  if (isStreamError(error)) return { type: 'error', code: error.code, allow_retry: error.allowRetry };
  if (isDeadline(error)) return { type: 'error', code: error.code, allow_retry: true };
  // The same answer would be as large the next time.
  if (isChatKitError(error, 'event.too_large')) return { type: 'error', code: error.code, allow_retry: false };
  return { type: 'error', code: 'stream.error', allow_retry: true };
};

const isDeadline = (error: unknown): error is ChatKitError =>
  isChatKitError(error) && error.code.startsWith('run.') && error.code.endsWith('_timeout');

const isLost = (error: unknown): boolean => isChatKitError(error) && error.details?.['cause'] === 'lost';

/** Whether an item is an answer with text in it. */
export const isPartialAnswer = (item: ThreadItem): boolean =>
  item.type === 'assistant_message' && item.content.some((part) => part.text.trim() !== '');

/** Whether an item that the application forgot to finish has anything in it. */
const isWorthKeeping = (item: ThreadItem): boolean =>
  item.type === 'assistant_message'
    ? isPartialAnswer(item)
    : item.type !== 'generated_image' || item.image !== undefined;

const iterable = (value: AsyncIterable<ThreadStreamEvent>): AsyncIterable<ThreadStreamEvent> => {
  if (typeof value?.[Symbol.asyncIterator] === 'function') return value;
  const isPromise = typeof (value as unknown as Promise<unknown>)?.then === 'function';
  throw new TypeError(
    `respond() and action() must return an async iterable of events, not ${describeValue(value)}. ${
      isPromise
        ? 'Write `async *respond()`, with the star, and `yield*` the stream.'
        : 'Write `async *respond()` and `yield` the events.'
    }`,
  );
};
