/**
 * The core loop: it takes the events that an application yields, stores what they say, and passes on what the client
 * may see. One rule explains most of it: the stored thread and the stream always tell the same story, so a client that
 * reloads sees what it saw before. Hence an event is stored before it is sent; hidden items are sent on no event; and
 * an unfinished item is either kept or removed when the turn ends, however it ends.
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
import { collect } from '@chatkit/stream';
import type { Clock } from './clock.ts';
import { closeStopped, quietly, threadUpdated } from './close-stopped.ts';
import { describeValue } from './describe-value.ts';
import { notAdded } from './event-shape.ts';
import { GuardedSource } from './guarded-source.ts';
import { interruptedEvent } from './interrupted-event.ts';
import { ItemDesk } from './item-desk.ts';
import { reportUnknown } from './report-unknown.ts';
import type { AddedItems } from './server-parts.ts';
import { TextBatch } from './text-batch.ts';
import { watchThread } from './thread-changes.ts';
import { isOutOfTime } from './time-limit.ts';

/**
 * How the events of a turn ended: by themselves, by an error (the client has been sent it), or because of the signal.
 */
export type TurnResult = 'completed' | 'failed' | 'stopped';

/**
 * Where the loop sends events: `RunWriter`, which appends them to the log. A returned promise is the backpressure: it
 * resolves when there is room for more, or when none is needed any more. It never rejects. The only error thrown is
 * `event.too_large`, and then nothing has been written.
 */
export interface Voice {
  /** Sends an event. */
  say(event: ThreadStreamEvent): Promise<void> | undefined;
  /**
   * Sends one or more text deltas of one part. If one of several is too large, those before it may already have been
   * sent.
   */
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
  /** Stores what is worth keeping of the unfinished items, and returns items to add to the thread. */
  onCancelled: (thread: ThreadMetadata, pending: readonly ThreadItem[]) => Promise<AddedItems>;
  /** Receives errors whose details the client must not see. */
  onError: (error: unknown) => void;
  /** Receives the events that the client may see. */
  voice: Voice;
  /** Called when the loop begins to wait for the application, and when it no longer waits. For deadlines. */
  watch?: { waiting(first: boolean): void; arrived(): void } | undefined;
}

/**
 * Runs one turn. When the signal stops it, it calls `onCancelled` once with the unfinished items and then sends readers
 * what became of them. An error becomes an `error` event; rejects only when the log refuses one of the closing events
 * as too large.
 */
export const processEvents = async <Context>(options: ProcessOptions<Context>): Promise<TurnResult> => {
  const { store, context, signal, onError, voice, watch } = options;
  const changes = watchThread(store, options.thread, context);
  const { thread } = changes;
  const desk = new ItemDesk(store, thread.id, context, {
    maxEventBytes: options.maxEventBytes,
    onBefore: (event) => voice.say(event),
    onUnchecked: (event) => reportUnknown(event, onError, store),
    onStranger: (itemId) => onError(notAdded(itemId)),
  });
  let source: GuardedSource<ThreadStreamEvent> | undefined;

  const sayText = (itemId: string, part: number, deltas: readonly string[]): Promise<void> | undefined => {
    let room: Promise<void> | undefined;
    try {
      if (desk.shows(itemId)) room = voice.sayText(itemId, part, deltas);
    } catch (error) {
      if (deltas.length === 1) throw error;
      // One of them is too large: sent one by one, those before it are kept.
      for (const delta of deltas) room = sayText(itemId, part, [delta]) ?? room;
      return room;
    }
    // After sending: text that no reader can be sent must not become part of the stored answer.
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
  // Called once per token, so it makes no promise unless there is something to wait for.
  const take = (given: ThreadStreamEvent): Promise<void> | undefined => {
    if (text.continues(given)) {
      const room = text.add(given.update.delta);
      if (room === undefined && !changes.isChanged()) return undefined;
      watch?.arrived();
      return finishTaking(undefined, room);
    }
    watch?.arrived();
    // `arrived()` checks the lease and may have found that another machine owns the run.
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
    // One by one: what has been stored must have been said if the next one fails.
    for await (const event of desk.close((item) => (isWorthKeeping(item) ? 'keep' : 'remove'))) await voice.say(event);
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
      // A lost run writes nothing: another machine may be writing to the thread by now.
      const cause = causeOf(signal.reason);
      if (cause !== 'lost') await sayAll(await closeStopped(options, changes, desk));
      if (cause === 'shutdown') await sayAll([interruptedEvent]);
      return 'stopped';
    }
    const reason = signal.aborted ? signal.reason : error;
    if (!isCustomStreamError(reason) && !isStreamError(reason)) onError(reason);
    const keep = options.partialOnError === 'keep';
    const closed = await collect(desk.close((item) => (keep && isPartialAnswer(item) ? 'keep' : 'remove'), onError));
    const updated = await quietly(onError, () => threadUpdated(changes));
    await sayAll([...closed, toErrorEvent(reason), ...updated]);
    return signal.aborted ? 'stopped' : 'failed';
  }
};

/**
 * The `error` event that a client gets for an error. Only the message of a `CustomStreamError` is sent; anything that
 * was not thrown on purpose becomes `stream.error`, so that no secret in a message or a stack reaches a browser.
 */
export const toErrorEvent = (error: unknown): ErrorEvent => {
  if (isCustomStreamError(error)) {
    return { type: 'error', code: 'custom', message: error.message, allow_retry: error.allowRetry };
  }
  if (isStreamError(error)) return { type: 'error', code: error.code, allow_retry: error.allowRetry };
  if (isDeadline(error)) return { type: 'error', code: error.code, allow_retry: true };
  // A retry would produce an event just as large.
  if (isChatKitError(error, 'event.too_large')) return { type: 'error', code: error.code, allow_retry: false };
  return { type: 'error', code: 'stream.error', allow_retry: true };
};

const isDeadline = (error: unknown): error is ChatKitError =>
  isOutOfTime(error) || (isChatKitError(error) && error.code.startsWith('run.') && error.code.endsWith('_timeout'));

const causeOf = (error: unknown): unknown => (isChatKitError(error) ? error.details?.['cause'] : undefined);

/** Whether an item is an answer with text in it. */
export const isPartialAnswer = (item: ThreadItem): boolean =>
  item.type === 'assistant_message' &&
  // An application without types may have left it out.
  Array.isArray(item.content) &&
  item.content.some((part) => typeof part?.text === 'string' && part.text.trim() !== '');

/** Whether an item that the application never finished has any content. */
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
        ? 'Write `async *respond()`, with the `*`, and `yield*` the stream.'
        : 'Write `async *respond()` and `yield` the events.'
    }`,
  );
};
