/**
 * What subscribers read: an immutable picture of the chat. Whatever did not change is the same object as in the picture
 * before, down to each item, so a screen can compare by identity and draw only what is new.
 */
import {
  isHiddenItem,
  type NoticeEvent,
  selectItems,
  selectOpenItems,
  type Thread,
  type ThreadItem,
  type ThreadState,
} from '@chatkit/core';
import type { ChatError, ChatState, ChatStatus } from './chat-state.ts';
import type { ConnectionStatus } from './connection-status.ts';
import type { OutgoingMessage } from './outgoing-message.ts';

/** What there is to see at one moment. Immutable; parts that did not change are the same objects. */
export interface ChatSnapshot {
  readonly status: ChatStatus;
  readonly connection: ConnectionStatus;
  /** The thread; `undefined` for a new one that has no message yet. Its items are in `items`. */
  readonly thread: Thread | undefined;
  /** Everything to show, oldest first, with messages that are still on their way at the end. */
  readonly items: readonly ThreadItem[];
  /** The latest line of progress, until the next item comes. */
  readonly progress: ThreadState['progress'];
  /** Whether a stop button makes sense. */
  readonly canStop: boolean;
  /** What went wrong in the last turn. */
  readonly error: ChatError | undefined;
  /** Notices of the last turn. Their `message` is Markdown. */
  readonly notices: readonly NoticeEvent[];
  /** The items that are being written. */
  readonly streamingItemIds: ReadonlySet<string>;
  /** The user's messages that the server has not confirmed. */
  readonly pendingItemIds: ReadonlySet<string>;
  /** The user's messages that could not be sent; `retry()` sends the last one again. */
  readonly failedItemIds: ReadonlySet<string>;
  /** Whether `loadOlder()` would find more. */
  readonly hasOlder: boolean;
}

/** A function from states to snapshots that keeps what did not change, and gives the same snapshot when nothing did. */
export const createSnapshotReader = (): ((state: ChatState) => ChatSnapshot) => {
  let lastState: ChatState | undefined;
  let last: ChatSnapshot | undefined;
  return (state) => {
    if (last !== undefined && state === lastState) return last;
    const next = pictureOf(state, last);
    lastState = state;
    if (last === undefined || !isSame(last, next)) last = Object.freeze(next);
    return last;
  };
};

const noIds: ReadonlySet<string> = new Set();

const pictureOf = (state: ChatState, last: ChatSnapshot | undefined): ChatSnapshot => {
  const { thread, outbox, status } = state;
  const isRunning = status === 'submitting' || status === 'streaming';
  return {
    status,
    connection: state.connection,
    thread: thread.thread,
    items: itemsOf(selectItems(thread), outbox, last?.items),
    progress: thread.progress,
    // Before the server has said what it allows, stopping is worth a try.
    canStop: isRunning && thread.streamOptions?.allow_cancel !== false,
    error: state.error,
    notices: thread.notices,
    streamingItemIds: idsOf(selectOpenItems(thread), last?.streamingItemIds),
    pendingItemIds: idsOf(messages(outbox, 'sending'), last?.pendingItemIds),
    failedItemIds: idsOf(messages(outbox, 'failed'), last?.failedItemIds),
    hasOlder: state.olderCursor !== undefined,
  };
};

const messages = (outbox: readonly OutgoingMessage[], state: OutgoingMessage['state']): readonly ThreadItem[] =>
  outbox.filter((message) => message.state === state).map(({ item }) => item);

/** Hidden items never leave a server of ours, but one of the reference leaks them (protocol §1.7, trap 1). */
const itemsOf = (
  items: readonly ThreadItem[],
  outbox: readonly OutgoingMessage[],
  last: readonly ThreadItem[] | undefined,
): readonly ThreadItem[] => {
  const next = [...items.filter((item) => !isHiddenItem(item)), ...outbox.map(({ item }) => item)];
  return last?.length === next.length && next.every((item, index) => item === last[index]) ? last : Object.freeze(next);
};

const idsOf = (items: readonly ThreadItem[], last: ReadonlySet<string> = noIds): ReadonlySet<string> =>
  items.length === last.size && items.every(({ id }) => last.has(id)) ? last : new Set(items.map(({ id }) => id));

const isSame = (a: ChatSnapshot, b: ChatSnapshot): boolean =>
  (Object.keys(b) as (keyof ChatSnapshot)[]).every((key) => Object.is(a[key], b[key]));
