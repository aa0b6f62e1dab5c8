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
  selectOpenItems,
  type ThreadItem,
  type ThreadMetadata,
  type ThreadStreamEvent,
  toWireThread,
} from '@chatkit/core';
import type { Clock } from './clock.ts';
import { type GuardedSource, guardSource } from './guarded-source.ts';
import { createItemDesk, type ItemDesk } from './item-desk.ts';
import { type ThreadChanges, watchThread } from './thread-changes.ts';

/** How the events of a turn ended: on their own, by an error (the client has been told), or because of the signal. */
export type TurnResult = 'completed' | 'failed' | 'stopped';

/** What the loop needs to know of a turn. */
export interface ProcessOptions<Context> {
  store: Store<Context>;
  thread: StoredThread;
  context: Context;
  /** Aborts to stop the turn. */
  signal: AbortSignal;
  clock: Clock;
  cancelGraceMs: number;
  partialOnError: 'keep' | 'remove';
  /** Calls the application. May throw. */
  source: (thread: ThreadMetadata) => AsyncIterable<ThreadStreamEvent>;
  streamOptions: (thread: ThreadMetadata) => StreamOptions | Promise<StreamOptions>;
  /** Stores what is to be kept of a stopped turn. */
  onCancelled: (thread: ThreadMetadata, pending: readonly ThreadItem[]) => Promise<void>;
  /** Takes errors whose text the client does not get. */
  onError: (error: unknown) => void;
  /** Is told when the loop waits for the application, and when it no longer does. */
  watch?: { waiting(first: boolean): void; arrived(): void } | undefined;
}

/**
 * Runs one turn. Stopping it, by the signal or by `return()`, calls `onCancelled` once with the unfinished items; after
 * the signal the generator goes on to tell its readers what became of them, after `return()` it ends in silence.
 */
export async function* processEvents<Context>(
  options: ProcessOptions<Context>,
): AsyncGenerator<ThreadStreamEvent, TurnResult, undefined> {
  const { store, context, signal, onError } = options;
  const changes = watchThread(store, options.thread, context);
  const { thread } = changes;
  const desk = createItemDesk(store, thread.id, context);
  let source: GuardedSource<ThreadStreamEvent> | undefined;
  let unsettled = true;
  try {
    try {
      signal.throwIfAborted();
      yield { type: 'stream_options', stream_options: await options.streamOptions(thread) };
      signal.throwIfAborted();
      source = guardSource(iterable(options.source(thread)), signal, options.clock);
      for (let first = true; ; first = false) {
        options.watch?.waiting(first);
        const step = await source.next();
        options.watch?.arrived();
        signal.throwIfAborted();
        if (step.done === true) break;
        // No `yield*` and no needless `await` here: this loop runs once per token.
        const taken = desk.take(step.value);
        for (const event of taken instanceof Promise ? await taken : taken) yield event;
        if (changes.isChanged()) yield* await threadUpdated(changes);
      }
      yield* await desk.close((item) => (isWorthKeeping(item) ? 'keep' : 'remove'));
      yield* await threadUpdated(changes);
      unsettled = false;
      return 'completed';
    } catch (error) {
      options.watch?.arrived();
      await source?.stop(options.cancelGraceMs);
      unsettled = false;
      if (signal.aborted && !isDeadline(signal.reason)) {
        yield* await cancelled(options, changes, desk);
        return 'stopped';
      }
      const reason = signal.aborted ? signal.reason : error;
      if (!isCustomStreamError(reason) && !isStreamError(reason)) onError(reason);
      const keep = options.partialOnError === 'keep';
      const closed = await quietly(onError, () =>
        desk.close((item) => (keep && isPartialAnswer(item) ? 'keep' : 'remove')),
      );
      const updated = await quietly(onError, () => threadUpdated(changes));
      yield* closed;
      yield toErrorEvent(reason);
      yield* updated;
      return signal.aborted ? 'stopped' : 'failed';
    }
  } finally {
    // Only `return()` gets here unsettled: the consumer is gone, so there is nobody left to tell.
    if (unsettled) {
      await source?.stop(options.cancelGraceMs);
      await cancelled(options, changes, desk);
    }
  }
}

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

const threadUpdated = async (changes: ThreadChanges): Promise<ThreadStreamEvent[]> => {
  const saved = await changes.save();
  return saved === undefined ? [] : [{ type: 'thread.updated', thread: toWireThread(saved) }];
};

const cancelled = async <Context>(
  options: ProcessOptions<Context>,
  changes: ThreadChanges,
  desk: ItemDesk,
): Promise<ThreadStreamEvent[]> => {
  // Another machine may be writing to the thread by now.
  if (isLost(options.signal.reason)) return [];
  await quietly(options.onError, async () => {
    await options.onCancelled(changes.thread, selectOpenItems(desk.state()));
    return [];
  });
  return [
    // The override decides what is kept; the store tells what it decided.
    ...(await quietly(options.onError, () => desk.closeAsStored())),
    ...(await quietly(options.onError, () => threadUpdated(changes))),
  ];
};

const quietly = async (
  onError: (error: unknown) => void,
  work: () => Promise<ThreadStreamEvent[]>,
): Promise<ThreadStreamEvent[]> => {
  try {
    return await work();
  } catch (error) {
    onError(error);
    return [];
  }
};

const iterable = (value: AsyncIterable<ThreadStreamEvent>): AsyncIterable<ThreadStreamEvent> => {
  if (typeof value?.[Symbol.asyncIterator] === 'function') return value;
  throw new TypeError(
    'respond() and action() must return an async iterable of events, for example `async *respond()`.',
  );
};
