/**
 * Turns: what the requests that are answered with a stream have in common. Preparing a turn makes every check and
 * writes nothing, so a request that cannot be served is refused with a status and leaves no trace. The turn itself then
 * writes and streams.
 */
import {
  ChatKitError,
  type StoredThread,
  type ThreadItem,
  type ThreadMetadata,
  type ThreadStreamEvent,
  type UserMessageItem,
} from '@chatkit/core';
import type { TurnWatch } from '../event-processor.ts';
import type { EventWriter } from '../event-writer.ts';
import { processEvents, type TurnResult } from '../process-events.ts';
import type { RunContext, ServerParts } from '../server-parts.ts';
import type { Settings } from '../settings.ts';
import { itemsAfter } from './items-after.ts';

/** The run as a turn sees it: what the application gets, where events go, and the deadlines to keep informed. */
export interface TurnRun extends RunContext {
  readonly writer: EventWriter;
  readonly watch: TurnWatch;
}

/** A turn that has passed its checks. It sends its first event after its first write, and resolves when it is over. */
export interface Turn {
  (run: TurnRun): Promise<TurnResult>;
  /**
   * Whether the conversation has gone on past this turn: then it queues instead of interrupting. Called only when it
   * would interrupt a run. Default: no.
   */
  readonly isLate?: (() => Promise<boolean>) | undefined;
}

/**
 * A turn that leaves nothing if it is stopped before it has begun, for example by a newer message while it waits: its
 * client is told that it was refused. Not for a message, which is stored in any case.
 */
export const orNothing = (turn: Turn): Turn =>
  Object.assign(async (run: TurnRun): Promise<TurnResult> => (run.signal.aborted ? 'stopped' : turn(run)), {
    isLate: turn.isLate,
  });

/** Runs the events of `source` through the core loop, behind the server's own events `first`. */
export const stream = <Context>(
  parts: ServerParts<Context>,
  stored: StoredThread,
  context: Context,
  run: TurnRun,
  source: (thread: ThreadMetadata) => AsyncIterable<ThreadStreamEvent>,
  first?: readonly ThreadStreamEvent[],
): Promise<TurnResult> =>
  processEvents({
    store: parts.store,
    thread: stored,
    context,
    signal: run.signal,
    clock: parts.settings.clock,
    cancelGraceMs: parts.settings.cancelGraceMs,
    maxEventBytes: parts.settings.maxEventBytes,
    partialOnError: parts.settings.partialOnError,
    first,
    source,
    streamOptions: (thread) => parts.getStreamOptions(thread, context),
    onCancelled: (thread, pending) => parts.handleStreamCancelled(thread, pending, context, publicRun(run)),
    onError: (error) => parts.settings.onError(error, { threadId: stored.thread.id, runId: run.id }),
    writer: run.writer,
    watch: run.watch,
  });

/** Runs `respond()` through the core loop. */
export const answer = <Context>(
  parts: ServerParts<Context>,
  stored: StoredThread,
  input: UserMessageItem | null,
  context: Context,
  run: TurnRun,
): Promise<TurnResult> =>
  stream(parts, stored, context, run, (thread) => parts.respond(thread, input, context, publicRun(run)));

/** The part of a run that the application gets. */
export const publicRun = ({ id, threadId, signal }: TurnRun): RunContext => ({ id, threadId, signal });

/**
 * Refuses a message to a locked or closed thread. The Python SDK defines these states but does not check them. A thread
 * without a status is active, by the protocol's default; one with a status that a newer server has stored is locked.
 */
export const assertOpen = ({ id, status = { type: 'active' } }: ThreadMetadata): void => {
  if (status.type === 'active') return;
  const type = status.type === 'closed' ? 'closed' : 'locked';
  throw new ChatKitError(`thread.${type}`, `The thread is ${type} and takes no messages.`, {
    details: { thread_id: id, ...(status.reason === undefined ? {} : { reason: status.reason }) },
  });
};

/** Loads an item that must be of one type. */
export const loadItemOf = async <Context, T extends ThreadItem['type']>(
  parts: ServerParts<Context>,
  threadId: string,
  itemId: string,
  type: T,
  context: Context,
): Promise<Extract<ThreadItem, { type: T }>> => {
  const item = await parts.store.loadItem(threadId, itemId, context);
  if (item.type === type) return item as Extract<ThreadItem, { type: T }>;
  throw new ChatKitError('item.wrong_type', `The item is not a ${type}.`, {
    details: { path: 'params.item_id', expected: type },
  });
};

/** The current time in wire format. Cached per millisecond, because a busy server needs it more often than that. */
export const timestamp = ({ now }: Settings): string => {
  const ms = now();
  if (ms !== written.ms) written = { ms, text: new Date(ms).toISOString() };
  return written.text;
};

let written = { ms: Number.NaN, text: '' };

/**
 * A turn about an existing item. If the user has sent another message since, it queues behind the answer to that: the
 * newest message comes first.
 */
export const about = <Context>(
  { store }: ServerParts<Context>,
  { thread_id, id }: ThreadItem,
  context: Context,
  turn: Turn,
): Turn =>
  Object.assign(turn, {
    isLate: async () => (await itemsAfter(store, thread_id, id, context)).some(({ type }) => type === 'user_message'),
  });

/** Sends the server's own events `first`, then continues with `respond(thread, null)`. */
export const respondAfter = <Context>(
  parts: ServerParts<Context>,
  stored: StoredThread,
  context: Context,
  run: TurnRun,
  first: readonly ThreadStreamEvent[],
): ReturnType<Turn> =>
  stream(parts, stored, context, run, (thread) => parts.respond(thread, null, context, publicRun(run)), first);
