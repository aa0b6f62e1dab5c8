/**
 * Everything that a screen of one chat depends on, as one immutable value and pure steps from one to the next. The thread
 * in it is core's reducer's; around it are what has no place on the wire: what the client is doing, messages that the
 * server has not told of yet, and errors.
 */
import {
  type ChatKitError,
  clearTransients,
  emptyThreadState,
  prependItems,
  reduceThread,
  selectItem,
  selectItems,
  selectOpenItems,
  type ThreadItem,
  type ThreadState,
  type ThreadStreamEvent,
} from '@chatkit/core';
import type { ConnectionStatus } from './connection-status.ts';
import { type OutgoingMessage, withoutArrived } from './outgoing-message.ts';
import type { TurnPlan } from './turn-plan.ts';

/** What the client is doing. `submitting`: sent, nothing has come yet. `stopping`: asked to stop, not yet confirmed. */
export type ChatStatus = 'idle' | 'loading' | 'submitting' | 'streaming' | 'stopping';

/** An error to show. */
export interface ChatError {
  /** The code of the stream's `error` event, or an `ErrorCode`. */
  readonly code: string;
  /** For people. The server's own text where it has one. */
  readonly message: string;
  /** Whether `retry()` makes sense. */
  readonly retryable: boolean;
}

export interface ChatState {
  readonly thread: ThreadState;
  readonly status: ChatStatus;
  readonly connection: ConnectionStatus;
  /** Messages that the server has not told of, oldest first. They come after all items. */
  readonly outbox: readonly OutgoingMessage[];
  readonly error: ChatError | undefined;
  /** Whether text has stopped growing on the screen because the user wants it to, though more may come. */
  readonly frozen: boolean;
  /** Where the page before the first item starts; `undefined` when there is none. */
  readonly olderCursor: string | undefined;
  /**
   * What goes on with the last turn: attaches to its run, if its connection was lost and it may well go on, or asks again what was
   * not answered. `error` says so. Of no meaning without one.
   */
  readonly retryPlan?: TurnPlan | undefined;
}

export const emptyChatState: ChatState = {
  thread: emptyThreadState,
  status: 'idle',
  connection: 'none',
  outbox: [],
  error: undefined,
  frozen: false,
  olderCursor: undefined,
};

/** Another thread is on its way: what was shown goes. */
export const beginLoading = (): ChatState => ({ ...emptyChatState, status: 'loading' });

/**
 * A thread that was loaded; again, perhaps: then pages before it that are there already stay, and a message that failed, or was
 * sent by the run `runId`, goes if it is among what is new.
 */
export const showThread = (
  state: ChatState,
  thread: ThreadState,
  olderCursor: string | undefined,
  runId?: string,
): ChatState => {
  const shown = selectItems(state.thread);
  const at = shown.findIndex(({ id }) => id === selectItems(thread)[0]?.id);
  return {
    ...state,
    outbox: withoutArrived(
      state.outbox,
      selectItems(thread).filter((item) => !has(state.thread, item)),
      (message) => message.state === 'failed' || message.runId === runId,
    ),
    thread: at > 0 ? prependItems(thread, shown.slice(0, at)) : thread,
    olderCursor: at > 0 ? state.olderCursor : olderCursor,
    status: state.status !== 'loading' ? state.status : isSending(state) ? 'submitting' : 'idle',
  };
};

/**
 * A thread as it is stored, while nothing goes on. With that the loss of a run that is over is made good, and so is any error
 * when the conversation went on. An answer that a server took with it when it died stays, with what is said of it.
 */
export const showStored = (state: ChatState, thread: ThreadState, olderCursor: string | undefined): ChatState => {
  const isNews = wentOn(state, thread);
  const last = selectItems(state.thread).at(-1);
  if (state.error !== undefined && !isNews && last !== undefined && !has(thread, last)) return state;
  const mended = isNews || isAttachable(state.retryPlan) ? { ...state, error: undefined } : state;
  return showThread(mended, thread, olderCursor);
};

/** The thread could not be had. A message for it stays, as one that was not sent. */
export const failLoading = (state: ChatState, error: ChatError): ChatState => ({
  ...letGo({ ...emptyChatState, outbox: state.outbox }),
  error,
});

export const addOlder = (state: ChatState, older: readonly ThreadItem[], cursor: string | undefined): ChatState => ({
  ...state,
  thread: prependItems(state.thread, older),
  olderCursor: cursor,
});

/** A turn begins: what the last one left of progress, notices and errors goes. A run that was there before may be connected to already. */
export const beginTurn = (state: ChatState, status: 'submitting' | 'streaming'): ChatState => ({
  ...state,
  thread: clearTransients(state.thread),
  status,
  connection: state.connection === 'none' ? 'connecting' : state.connection,
  error: undefined,
  frozen: false,
});

/** Events arrived. Text does not grow any further once the user has stopped it; the finished item says what was kept. */
export const applyEvents = (state: ChatState, events: readonly ThreadStreamEvent[]): ChatState => {
  const thread = events.reduce(
    (next, event) => (state.frozen && isGrowth(event) ? next : reduceThread(next, event)),
    state.thread,
  );
  const failed = thread.error !== state.thread.error && thread.error !== undefined;
  return {
    ...state,
    thread,
    status: state.status === 'submitting' && !isSending(state) ? 'streaming' : state.status,
    error: failed ? shownError(thread.error) : state.error,
  };
};

/** The user wants no more of the answer. */
export const freeze = (state: ChatState, status: ChatStatus): ChatState => ({
  ...state,
  status,
  frozen: true,
  thread: { ...state.thread, progress: undefined },
});

/** A turn is over. Items that nobody will finish are kept as far as they came; empty ones go. */
export const endTurn = (state: ChatState, error?: ChatError, retryPlan?: TurnPlan): ChatState => {
  const closed = selectOpenItems(state.thread).reduce(
    (thread, item) =>
      reduceThread(
        thread,
        isBlank(item) ? { type: 'thread.item.removed', item_id: item.id } : { type: 'thread.item.done', item },
      ),
    state.thread,
  );
  return {
    ...state,
    thread: { ...closed, progress: undefined, streamOptions: undefined },
    // The next message is on its way already.
    status: isSending(state) ? 'submitting' : 'idle',
    connection: 'none',
    error: error ?? state.error,
    frozen: false,
    retryPlan,
  };
};

/** The client lets go of what is going on. What has not been sent was not sent. */
export const letGo = (state: ChatState): ChatState =>
  endTurn({
    ...state,
    outbox: state.outbox.map((message) => ({ ...message, state: 'failed' }) satisfies OutgoingMessage),
  });

export const addOutgoing = (state: ChatState, message: OutgoingMessage): ChatState => ({
  ...state,
  status: state.status === 'loading' ? 'loading' : 'submitting',
  error: undefined,
  // A message that failed is given up by sending another one.
  outbox: [...state.outbox.filter((other) => other.state === 'sending'), message],
});

/** A message that failed goes out again. */
export const sendAgain = (state: ChatState, runId: string): ChatState => ({
  ...changeOutgoing(state, runId, { state: 'sending' }),
  status: 'submitting',
  error: undefined,
});

/** The server has told of a message. */
export const dropOutgoing = (state: ChatState, runId: string): ChatState => ({
  ...state,
  outbox: state.outbox.filter((message) => message.runId !== runId),
});

/** Whether a message is on its way, or failed, whose run this is. */
export const isUnconfirmed = ({ outbox }: ChatState, runId: string): boolean =>
  outbox.some((message) => message.runId === runId);

/** A message has failed. `nextRunId`: the run that will carry it when it is sent again. */
export const failOutgoing = (state: ChatState, runId: string, nextRunId = runId): ChatState =>
  changeOutgoing(state, runId, { runId: nextRunId, state: 'failed' });

const changeOutgoing = (state: ChatState, runId: string, change: Partial<OutgoingMessage>): ChatState => ({
  ...state,
  outbox: state.outbox.map((message) => (message.runId === runId ? { ...message, ...change } : message)),
});

/** A message that waited for its turn will not be sent. */
export const giveUpOutgoing = (state: ChatState, runId: string): ChatState => {
  const next = failOutgoing(state, runId);
  return next.status === 'submitting' && !isSending(next) ? { ...next, status: 'idle' } : next;
};

/** Forgets every item behind one, as the server does when a message is answered anew (it sends no events for that). */
export const pruneAfter = (thread: ThreadState, itemId: string): ThreadState => {
  const items = selectItems(thread);
  return items
    .slice(items.findIndex(({ id }) => id === itemId) + 1)
    .reduce((next, { id }) => reduceThread(next, { type: 'thread.item.removed', item_id: id }), thread);
};

/** What a user reads of a request that failed. Whoever signs in again may go on with it, and so may who can attach again. */
export const shownFailure = ({ code, message, retryable }: ChatKitError, plan?: TurnPlan): ChatError => ({
  code,
  message,
  retryable: retryable || isAttachable(plan) || code === 'request.unauthorized',
});

const isAttachable = (plan: TurnPlan | undefined): boolean => plan !== undefined && plan.request === undefined;

/** What a user reads of an `error` event: its own text, or one for the code. */
export const shownError = (event: { code: string; message?: string | undefined; allow_retry: boolean }): ChatError => ({
  code: event.code ?? 'custom',
  message: event.message ?? 'Something went wrong while answering.',
  retryable: event.allow_retry === true,
});

/**
 * Whether a thread as it is stored shows that the last turn went on without this client. A server that has died keeps no more
 * than was finished, so what is on the screen would shrink.
 */
export const wentOn = (state: ChatState, stored: ThreadState): boolean => {
  const open = selectOpenItems(state.thread);
  return open.length > 0
    ? open.every((item) => has(stored, item))
    : selectItems(stored).some((item) => !has(state.thread, item));
};

const has = (thread: ThreadState, { id }: ThreadItem): boolean => selectItem(thread, id) !== undefined;

const isSending = ({ outbox }: ChatState): boolean => outbox.some((message) => message.state === 'sending');

const isGrowth = (event: ThreadStreamEvent): boolean =>
  event.type === 'progress_update' ||
  (event.type === 'thread.item.updated' && event.update?.type === 'assistant_message.content_part.text_delta');

const isBlank = (item: ThreadItem): boolean =>
  item.type === 'assistant_message' && !item.content?.some((part) => part?.text?.trim());
