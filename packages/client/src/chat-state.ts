/**
 * The state behind a chat screen: one immutable value, and the pure functions that make the next one. The thread in it
 * is maintained by core's reducer. Around it is what does not come from the server: what the client is doing, messages
 * that the server has not confirmed, and errors.
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

/**
 * What the client is doing. `submitting`: sent, no event has come yet. `stopping`: asked to stop, not confirmed yet.
 */
export type ChatStatus = 'idle' | 'loading' | 'submitting' | 'streaming' | 'stopping';

/** An error to show. */
export interface ChatError {
  /** The code of the stream's `error` event, or an `ErrorCode`. */
  readonly code: string;
  /** A text for the user: the server's own where it sent one. */
  readonly message: string;
  /** Whether `retry()` makes sense. */
  readonly retryable: boolean;
}

export interface ChatState {
  readonly thread: ThreadState;
  readonly status: ChatStatus;
  readonly connection: ConnectionStatus;
  /** The user's messages that the server has not confirmed, oldest first. Shown after all items. */
  readonly outbox: readonly OutgoingMessage[];
  readonly error: ChatError | undefined;
  /** Whether text no longer grows on the screen because the user pressed Stop, although more may still arrive. */
  readonly frozen: boolean;
  /** The cursor of the page before the first item; `undefined` if there is none. */
  readonly olderCursor: string | undefined;
  /**
   * How `retry()` continues the last turn: by attaching to its run, if the connection was lost and the run may still be
   * going on, or by repeating the request that was not answered. Only meaningful together with `error`.
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

/** Another thread is being loaded: what was shown goes. */
export const beginLoading = (): ChatState => ({ ...emptyChatState, status: 'loading' });

/**
 * Shows a loaded thread. If it was shown before, older pages already loaded stay, and an unconfirmed message that
 * failed, or belongs to the run `runId`, is dropped if the thread now contains it.
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
 * Shows a thread as stored on the server, while no run is in progress. That clears the error of a lost run that is over
 * by now, and any error if the conversation has gone on. But if the stored thread lacks the last item shown, as when a
 * server died before storing its answer, the screen and its error stay.
 */
export const showStored = (state: ChatState, thread: ThreadState, olderCursor: string | undefined): ChatState => {
  const isNews = wentOn(state, thread);
  const last = selectItems(state.thread).at(-1);
  if (state.error !== undefined && !isNews && last !== undefined && !has(thread, last)) return state;
  const mended = isNews || isAttachable(state.retryPlan) ? { ...state, error: undefined } : state;
  return showThread(mended, thread, olderCursor);
};

/** The thread could not be loaded. A message for it stays, marked as not sent. */
export const failLoading = (state: ChatState, error: ChatError): ChatState => ({
  ...letGo({ ...emptyChatState, outbox: state.outbox }),
  error,
});

export const addOlder = (state: ChatState, older: readonly ThreadItem[], cursor: string | undefined): ChatState => ({
  ...state,
  thread: prependItems(state.thread, older),
  olderCursor: cursor,
});

/** A turn begins: the last turn's progress, notices and errors go. The connection may exist already, if the run did. */
export const beginTurn = (state: ChatState, status: 'submitting' | 'streaming'): ChatState => ({
  ...state,
  thread: clearTransients(state.thread),
  status,
  connection: state.connection === 'none' ? 'connecting' : state.connection,
  error: undefined,
  frozen: false,
});

/**
 * Applies events that arrived. After a stop, text does not grow any further; the finished item says what the server
 * kept.
 */
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

/** The user has stopped the answer. */
export const freeze = (state: ChatState, status: ChatStatus): ChatState => ({
  ...state,
  status,
  frozen: true,
  thread: { ...state.thread, progress: undefined },
});

/** A turn is over. Unfinished items are kept as far as they came; empty ones go. */
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
    // The next message may be on its way already.
    status: isSending(state) ? 'submitting' : 'idle',
    connection: 'none',
    error: error ?? state.error,
    frozen: false,
    retryPlan,
  };
};

/** The client stops following what is in progress. Messages still being sent are marked as failed. */
export const letGo = (state: ChatState): ChatState =>
  endTurn({
    ...state,
    outbox: state.outbox.map((message) => ({ ...message, state: 'failed' }) satisfies OutgoingMessage),
  });

export const addOutgoing = (state: ChatState, message: OutgoingMessage): ChatState => ({
  ...state,
  status: state.status === 'loading' ? 'loading' : 'submitting',
  error: undefined,
  outbox: [...giveUpFailed(state).outbox, message],
});

/** The user goes on with something else: messages that failed will not be sent again. */
export const giveUpFailed = (state: ChatState): ChatState => ({
  ...state,
  outbox: state.outbox.filter((message) => message.state === 'sending'),
});

/** A failed message is being sent again. */
export const sendAgain = (state: ChatState, runId: string): ChatState => ({
  ...changeOutgoing(state, runId, { state: 'sending' }),
  status: 'submitting',
  error: undefined,
});

/** The server has confirmed a message. */
export const dropOutgoing = (state: ChatState, runId: string): ChatState => ({
  ...state,
  outbox: state.outbox.filter((message) => message.runId !== runId),
});

/** Whether this run carries a message that is not confirmed: on its way, or failed. */
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

/**
 * Removes every item after the given one, as the server does when a message is answered anew (it sends no events for
 * that).
 */
export const pruneAfter = (thread: ThreadState, itemId: string): ThreadState => {
  const items = selectItems(thread);
  return items
    .slice(items.findIndex(({ id }) => id === itemId) + 1)
    .reduce((next, { id }) => reduceThread(next, { type: 'thread.item.removed', item_id: id }), thread);
};

/**
 * The error to show for a failed request. It is retryable also if the run can be attached to again, or after signing
 * in.
 */
export const shownFailure = ({ code, message, retryable }: ChatKitError, plan?: TurnPlan): ChatError => ({
  code,
  message,
  retryable: retryable || isAttachable(plan) || code === 'request.unauthorized',
});

export const isAttachable = (plan: TurnPlan | undefined): plan is TurnPlan =>
  plan !== undefined && plan.request === undefined;

/** The error to show for an `error` event: with its own text, or a general one. */
export const shownError = (event: { code: string; message?: string | undefined; allow_retry: boolean }): ChatError => ({
  code: event.code ?? 'custom',
  message: event.message ?? 'Something went wrong while answering.',
  retryable: event.allow_retry === true,
});

/**
 * Whether the stored thread shows that the last turn went on without this client. If not, as after a server died and
 * kept only finished items, showing it would take text off the screen.
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
