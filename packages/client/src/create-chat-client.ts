/**
 * Makes a chat client by wiring its parts together. Each part is a file of its own; README.md says in which order to
 * read them.
 */
import {
  type Action,
  ChatKitError,
  createId,
  reduceThread,
  selectItems,
  type Thread,
  type ThreadItem,
  type UserMessageItem,
} from '@chatkit/core';
import { assertOptions } from './assert-options.ts';
import { toBase64, uploadFile } from './attachments.ts';
import type { ChatClient, ChatClientOptions, ItemRef } from './chat-client.ts';
import {
  addOlder,
  addOutgoing,
  beginLoading,
  type ChatState,
  emptyChatState,
  failLoading,
  giveUpFailed,
  isUnconfirmed,
  letGo,
  pruneAfter,
  sendAgain,
  shownFailure,
  showThread,
  wentOn,
} from './chat-state.ts';
import { completeCall, outputRequest, pendingToolCalls } from './client-tools.ts';
import type { Reach } from './connection-state.ts';
import { createEndpoint } from './endpoint.ts';
import { loadOlder, loadThread } from './load-thread.ts';
import { createLoadTurn } from './load-turn.ts';
import { mustBe } from './must.ts';
import { createNotifier, frameScheduler, reportLater } from './notify.ts';
import { type AnswerAnew, answerAnew, createOutgoing, deliveryOf, type OutgoingMessage } from './outgoing-message.ts';
import { browserPageEvents, pageClock } from './ports.ts';
import { type ChatRun, createRunHandle } from './run-handle.ts';
import { createSnapshotReader } from './snapshot.ts';
import { createTurn, type Turn } from './turn.ts';
import type { TurnContext } from './turn-context.ts';
import { type Busy, createTurnLane, type LaneTurn } from './turn-lane.ts';
import type { TurnPlan } from './turn-plan.ts';

/**
 * Creates the client of one chat. It sends nothing until one of its methods is called.
 *
 * @example
 * const client = createChatClient({ url: '/chatkit' });
 * client.subscribe(() => render(client.getSnapshot().items));
 * for await (const event of client.send('What is backpressure?')) console.log(event.type);
 */
export const createChatClient = (options: ChatClientOptions): ChatClient => {
  const policy = assertOptions(options);
  const clock = options.clock ?? pageClock;
  const endpoint = createEndpoint({ ...options, clock });
  const lane = createTurnLane<LaneTurn & { stop(): Promise<void> }>();
  const readSnapshot = createSnapshotReader();
  let state: ChatState = emptyChatState;
  /** What kind of server it is; `unanswered` until its first answer shows that. */
  let server: Reach = options.extensions === true ? 'resumable' : 'unanswered';
  /** Aborts when another thread is to be shown. */
  let showing = new AbortController();
  let older: Promise<void> | undefined;
  /** The thread that is being loaded in place of what was shown. */
  let loading: { readonly id: string; readonly shown: Promise<void> } | undefined;
  /** The thread that is to be shown but could not be loaded; messages are for this one. */
  let unloaded: string | undefined;

  const notifier = createNotifier(() => readSnapshot(state), options.scheduler ?? frameScheduler);
  const update: TurnContext['update'] = (step, when) => {
    const next = step(state);
    if (next !== state) {
      state = next;
      notifier.changed();
    }
    if (when === 'now') notifier.flush();
  };

  const context: TurnContext = {
    ports: { endpoint, clock, random: options.random ?? Math.random, page: options.page ?? browserPageEvents },
    policy: () => ({ ...policy, repeatable: server === 'resumable' }),
    get: () => state,
    update,
    isAwaited: lane.isAwaited,
    isPlain: () => server === 'plain',
    onReach(reach) {
      if (reach !== 'unanswered') server = reach;
    },
    onEffect(event) {
      try {
        options.onEffect?.(event);
      } catch (error) {
        reportLater(error);
      }
    },
    lookAgain(runId) {
      // The run's events show whether its message arrived, and in which thread if it created one; so attach to it
      // again, unless the message belongs to another thread.
      const message = state.outbox.find((other) => other.runId === runId);
      const isAskable = server === 'resumable' && message?.item.thread_id === (state.thread.thread?.id ?? '');
      if (!isAskable) void refresh().catch(() => {});
      else if (isIdle()) begin({ runId }, 'wait');
    },
    toolHandler: options.onClientTool,
    toolTimeoutMs: options.clientToolTimeoutMs ?? 60_000,
    namesCalls: () => server === 'resumable',
    async reload(runId, isUnknown, signal) {
      const threadId = state.thread.thread?.id;
      if (threadId === undefined) return false;
      const loaded = await loadThread(endpoint, threadId, { signal }, selectItems(state.thread));
      if (isUnknown && !wentOn(state, loaded.thread)) return false;
      update((chat) => showThread(chat, loaded.thread, loaded.olderCursor, runId));
      return !isUnconfirmed(state, runId) && selectItems(loaded.thread).at(-1)?.type !== 'user_message';
    },
  };

  const begin = (plan: TurnPlan, busy: Busy): Turn => {
    const turn = createTurn(plan, context);
    lane.enter(turn, busy);
    return turn;
  };

  /** Starts a run by a request about the thread that is shown. */
  const request = (busy: Busy, make: NonNullable<TurnPlan['request']>, plan: Partial<TurnPlan> = {}): ChatRun =>
    begin({ runId: createId('run'), ...plan, request: make }, busy).run;

  const deliver = ({ runId, input }: OutgoingMessage, isRepeat = false): ChatRun => {
    // Loads the thread first. If that fails, the snapshot says why.
    if (unloaded !== undefined) open(unloaded).catch(() => {});
    const run = request('interrupt', () => deliveryOf(input, state.thread.thread?.id), { runId, isRepeat });
    notifier.flush();
    return run;
  };

  /**
   * Removes what follows one of the user's messages and has it answered again. `edited` is shown in its place until the
   * server's own comes.
   */
  const answerAgain = (again: AnswerAnew | undefined, edited?: UserMessageItem): ChatRun => {
    if (again === undefined) throw new ChatKitError('item.not_found', 'There is no such message to answer again.');
    const { item_id: id } = again.params;
    update(giveUpFailed);
    return request('interrupt', () => again, {
      prepare(chat) {
        const thread = pruneAfter(chat.thread, id);
        if (edited === undefined) return { ...chat, thread };
        return { ...chat, thread: reduceThread(thread, { type: 'thread.item.replaced', item: { ...edited, id } }) };
      },
    });
  };

  /** Loads and shows a thread, when the turns before it are over. */
  const load = async (id: string, onFailed: (error: ChatKitError) => void): Promise<void> => {
    const turn = createLoadTurn(id, context, onFailed);
    lane.enter(turn, 'wait');
    const error = await turn.shown;
    if (error !== undefined) throw error;
  };

  /** Shows another thread. */
  const open = (id: string): Promise<void> => {
    unloaded = undefined;
    const shown = load(id, (error) => {
      // Now, before the turns queued behind this one can start.
      lane.clear('detach');
      if (error.code !== 'thread.not_found') unloaded = id;
      update((chat) => failLoading(chat, shownFailure(error)), 'now');
    }).finally(() => {
      if (loading?.shown === shown) loading = undefined;
    });
    loading = { id, shown };
    return shown;
  };

  const isIdle = (): boolean => lane.current() === undefined && lane.waiting().length === 0;

  /** The thread that is shown, or is to be. */
  const shownId = (): string | undefined => state.thread.thread?.id ?? loading?.id ?? unloaded;

  const refresh = async (): Promise<void> => {
    const id = shownId();
    if (id !== undefined && isIdle()) await load(id, () => {});
  };

  const threadId = (): string => {
    const id = state.thread.thread?.id;
    if (id === undefined) throw new ChatKitError('thread.not_found', 'There is no thread yet: send a message first.');
    return id;
  };

  /** Subscribers are told by the caller's `notifier.flush()`, so that what they send goes behind what it has begun. */
  const showAnother = (next: ChatState): void => {
    lane.clear('navigate');
    showing.abort();
    showing = new AbortController();
    older = unloaded = loading = undefined;
    state = next;
  };

  const showNone = (): void => {
    showAnother(emptyChatState);
    notifier.flush();
  };

  const actionParams = (action: Action, ref?: ItemRef) => ({ thread_id: threadId(), action, item_id: itemIdOf(ref) });

  return {
    getSnapshot: notifier.getSnapshot,
    subscribe: notifier.subscribe,

    send(input) {
      const runId = createId('run');
      const message = createOutgoing(input, runId, state.thread.thread?.id);
      update((chat) => addOutgoing(chat, message));
      return deliver(message);
    },

    async stop() {
      const stopped = [...lane.waiting(), lane.current()].map((turn) => turn?.stop());
      notifier.flush();
      await Promise.all(stopped);
    },

    retry() {
      const failed = state.outbox.findLast((message) => message.state === 'failed');
      if (failed !== undefined) {
        update((chat) => sendAgain(chat, failed.runId));
        return deliver(failed, true);
      }
      if (unloaded !== undefined) {
        const { run, settle } = createRunHandle(createId('run'));
        state = beginLoading();
        open(unloaded).then(
          () => settle('completed', 'end'),
          (error) => settle('failed', 'refused', error),
        );
        notifier.flush();
        return run;
      }
      if (state.error?.retryable && state.retryPlan) return begin(state.retryPlan, 'wait').run;
      return answerAgain(answerAnew(state.thread));
    },

    edit(messageId, input) {
      mustBe('a string', 'messageId', messageId);
      const { item, input: words } = createOutgoing(input, '', threadId());
      return answerAgain(answerAnew(state.thread, messageId, words), item);
    },

    sendAction(action, ref) {
      const params = actionParams(action, ref);
      return request('wait', () => ({ type: 'threads.custom_action', params }));
    },

    async sendSyncAction(action, ref) {
      const { signal } = showing;
      const answer = await endpoint.json<{ updated_item?: ThreadItem }>(
        { type: 'threads.sync_custom_action', params: actionParams(action, ref) },
        { signal },
      );
      const item = answer.updated_item;
      if (!item) return undefined;
      update((chat) => ({ ...chat, thread: reduceThread(chat.thread, { type: 'thread.item.replaced', item }) }), 'now');
      return item;
    },

    sendStructuredInput(itemId, { status = 'answered', answers = {} }) {
      const params = { thread_id: threadId(), item_id: itemId, input: { status, answers } };
      return request('wait', () => ({ type: 'threads.add_structured_input', params }));
    },

    addToolOutput(result, ref) {
      const itemId = itemIdOf(ref);
      const call = pendingToolCalls(state.thread).findLast(({ id }) => itemId === undefined || id === itemId);
      if (call === undefined) throw new ChatKitError('item.not_pending', 'No such tool call is pending.');
      const output = { call, result: result ?? null };
      const named = itemId !== undefined && context.namesCalls();
      return request('wait', () => outputRequest(output, named), {
        prepare: (chat) => ({ ...chat, thread: completeCall(chat.thread, output, named) }),
      });
    },

    loadThread(id) {
      if (loading && loading.id === id) return loading.shown;
      showAnother(beginLoading());
      const shown = open(id);
      notifier.flush();
      return shown;
    },

    refresh,

    newThread: showNone,

    async loadOlder() {
      const cursor = state.olderCursor;
      if (cursor === undefined) return;
      const { signal } = showing;
      older ??= loadOlder(endpoint, threadId(), cursor, { signal })
        .then((page) => {
          // If the thread was reloaded meanwhile, its first page may begin elsewhere.
          if (!signal.aborted && state.olderCursor === cursor)
            update((chat) => addOlder(chat, page.items, page.cursor), 'now');
        })
        .finally(() => {
          older = undefined;
        });
      await older;
    },

    detach() {
      unloaded = loading?.id ?? unloaded;
      loading = undefined;
      lane.clear('detach');
      update(letGo, 'now');
    },

    listThreads: ({ limit, order, after, ...requestOptions } = {}) =>
      endpoint.json({ type: 'threads.list', params: { limit, order, after } }, requestOptions),
    async renameThread(id, title) {
      const thread = await endpoint.json<Thread>({ type: 'threads.update', params: { thread_id: id, title } });
      if (state.thread.thread?.id === id) {
        update((chat) => ({ ...chat, thread: reduceThread(chat.thread, { type: 'thread.updated', thread }) }), 'now');
      }
      return thread;
    },
    async deleteThread(id) {
      await endpoint.json({ type: 'threads.delete', params: { thread_id: id } });
      if (shownId() === id) showNone();
    },
    async sendFeedback(itemIds, kind) {
      // Not copied: the server says what is wrong with a text.
      const item_ids = itemIds as string[];
      await endpoint.json({ type: 'items.feedback', params: { thread_id: threadId(), item_ids, kind } });
    },
    uploadFile: (file, requestOptions) =>
      uploadFile(file, options.uploads ?? { type: 'two_phase' }, endpoint, requestOptions),
    async deleteAttachment(id) {
      await endpoint.json({ type: 'attachments.delete', params: { attachment_id: id } });
    },
    async transcribe(audio, { signal, timeoutMs } = {}) {
      const params = { audio_base64: await toBase64(audio), mime_type: audio.type || 'audio/webm' };
      return endpoint.json(
        { type: 'input.transcribe', params },
        { signal, timeoutMs: timeoutMs ?? endpoint.timeoutFor(params.audio_base64.length) },
      );
    },
  };
};

const itemIdOf = (item: ItemRef | undefined): string | undefined => (typeof item === 'string' ? item : item?.itemId);
