/**
 * The core loop: it takes the events that an application yields, stores what they say, and passes on what the client
 * may see. One rule explains most of it: the stored thread and the stream always tell the same story, so a client that
 * reloads sees what it saw before. Hence an event is stored before it is sent; hidden items are sent on no event; and
 * an unfinished item is either kept or removed when the turn ends, however it ends.
 */
import {
  isChatKitError,
  isCustomStreamError,
  isStreamError,
  type StreamOptions,
  type ThreadItem,
  type ThreadMetadata,
  type ThreadStreamEvent,
} from '@chatkit/core';
import { collect } from '@chatkit/stream';
import type { Clock } from './clock.ts';
import { closeItems } from './close-items.ts';
import { closeStopped, quietly, threadUpdated } from './close-stopped.ts';
import { describeValue } from './describe-value.ts';
import { isDeadline, toErrorEvent } from './error-event.ts';
import { EventProcessor, type EventProcessorOptions } from './event-processor.ts';
import { GuardedSource } from './guarded-source.ts';
import { interruptedEvent } from './interrupted-event.ts';
import { ownEvent } from './own-event.ts';
import { isPartialAnswer } from './partial-answer.ts';
import type { AddedItems } from './server-parts.ts';

/**
 * How the events of a turn ended: by themselves, by an error (the client has been sent it), or because of the signal.
 */
export type TurnResult = 'completed' | 'failed' | 'stopped';

/** What the loop needs to know of a turn. */
export interface ProcessOptions<Context> extends EventProcessorOptions<Context> {
  /** Aborts to stop the turn. */
  signal: AbortSignal;
  clock: Clock;
  cancelGraceMs: number;
  partialOnError: 'keep' | 'remove';
  /** The server's own events, which come before the application's. */
  first?: readonly ThreadStreamEvent[] | undefined;
  /** Calls the application. May throw. */
  source: (thread: ThreadMetadata) => AsyncIterable<ThreadStreamEvent>;
  streamOptions: (thread: ThreadMetadata) => StreamOptions | Promise<StreamOptions>;
  /** Stores what is worth keeping of the unfinished items, and returns items to add to the thread. */
  onCancelled: (thread: ThreadMetadata, pending: readonly ThreadItem[]) => Promise<AddedItems>;
}

/**
 * Runs one turn. When the signal stops it, it calls `onCancelled` once with the unfinished items and then sends readers
 * what became of them. An error becomes an `error` event; rejects only when the log refuses one of the closing events
 * as too large.
 */
export const processEvents = async <Context>(options: ProcessOptions<Context>): Promise<TurnResult> => {
  const { signal, writer, watch } = options;
  const events = new EventProcessor(options);
  const { thread } = events.changes;
  let source: GuardedSource<ThreadStreamEvent> | undefined;
  try {
    signal.throwIfAborted();
    const stream_options = await options.streamOptions(thread);
    await writer.write(ownEvent({ type: 'stream_options', stream_options }, options.maxEventBytes));
    for (const event of options.first ?? []) {
      signal.throwIfAborted();
      await events.take(event);
    }
    signal.throwIfAborted();
    source = new GuardedSource(iterable(options.source(thread)), signal, options.clock);
    watch?.waiting(true);
    await source.read(events.take);
    watch?.arrived();
    await events.flush();
    signal.throwIfAborted();
    await events.complete();
    return 'completed';
  } catch (error) {
    watch?.arrived();
    await quietly(options.onError, async () => {
      await events.flush();
      return [];
    });
    await source?.stop(options.cancelGraceMs);
    if (signal.aborted && !isDeadline(signal.reason)) await endStopped(options, events);
    else await endFailed(options, events, signal.aborted ? signal.reason : error);
    return signal.aborted ? 'stopped' : 'failed';
  }
};

/** Ends a turn that was stopped. A lost run writes nothing: another machine may be writing to the thread by now. */
const endStopped = async <Context>(
  options: ProcessOptions<Context>,
  events: EventProcessor<Context>,
): Promise<void> => {
  const cause = causeOf(options.signal.reason);
  if (cause === 'lost') return;
  await events.writeAll(await closeStopped(options, events.changes, events.items));
  if (cause === 'shutdown') await events.writeAll([interruptedEvent]);
};

/** Ends a turn that failed or took too long: with what is kept of it, the error, and the changes of the thread. */
const endFailed = async <Context>(
  { onError, partialOnError, watch }: ProcessOptions<Context>,
  events: EventProcessor<Context>,
  reason: unknown,
): Promise<void> => {
  watch?.failed?.(reason);
  if (!isCustomStreamError(reason) && !isStreamError(reason)) onError(reason);
  const isKept = (item: ThreadItem) => partialOnError === 'keep' && isPartialAnswer(item);
  const closed = await collect(closeItems(events.items, (item) => (isKept(item) ? 'keep' : 'as stored'), onError));
  const updated = await quietly(onError, () => threadUpdated(events.changes));
  await events.writeAll([...closed, toErrorEvent(reason), ...updated]);
};

const causeOf = (error: unknown): unknown => (isChatKitError(error) ? error.details?.['cause'] : undefined);

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
