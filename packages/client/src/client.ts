/**
 * The client of one chat, without a framework: what a user can do, and a snapshot of what there is to see. This file
 * connects the parts; each of them is a file of its own, and `README.md` says in which order to read them.
 */
import {
  type Action,
  type Attachment,
  ChatKitError,
  type ChatKitRequestInput,
  type ClientEffectEvent,
  createId,
  type Page,
  reduceThread,
  type StructuredInputResult,
  selectItems,
  type Thread,
  type ThreadItem,
} from '@chatkit/core';
import { toBase64, type UploadStrategy, uploadFile } from './attachments.ts';
import {
  addOlder,
  addOutgoing,
  beginLoading,
  type ChatState,
  emptyChatState,
  letGo,
  pruneAfter,
  sendAgain,
  showThread,
  wentOn,
} from './chat-state.ts';
import { type ClientToolHandler, completeCall, outputRequest, pendingToolCalls } from './client-tools.ts';
import { type ConnectionPolicy, defaultPolicy } from './connection-policy.ts';
import type { Reach } from './connection-state.ts';
import { loadOlder, loadThread } from './load-thread.ts';
import { createLoadTurn } from './load-turn.ts';
import { createNotifier, frameScheduler, reportLater, type Scheduler } from './notify.ts';
import { createOutgoing, type OutgoingMessage, type UserMessageInputLike } from './optimistic.ts';
import { browserPageEvents, type Clock, type PageEvents, wallClock } from './ports.ts';
import { createEndpoint, type HeadersSource, type RequestOptions } from './requests.ts';
import type { ChatRun } from './run-handle.ts';
import { type ChatSnapshot, createSnapshotReader } from './snapshot.ts';
import { createTurn, type Turn, type TurnContext, type TurnPlan } from './turn.ts';
import { createTurnLane, type LaneTurn } from './turn-lane.ts';

export interface ChatClientOptions {
  /** The server's address, for example `/chatkit`. */
  url: string | URL;
  /** Default: the runtime's. */
  fetch?: typeof globalThis.fetch | undefined;
  /** Sent with every request; a function is asked each time, reconnects included, so a token stays fresh. */
  headers?: HeadersSource | undefined;
  credentials?: RequestCredentials | undefined;
  /**
   * Whether to use the extensions (resume, cancel from anywhere, run ids). Default: they are asked for, and what the
   * server's first answer shows decides how far they are relied on. `true`: the server has them, so even the first message
   * is sent again when its request fails. `false`: never ask, for a server of the reference.
   */
  extensions?: boolean | undefined;
  /** Runs the tools that the assistant asks of the page. Without it calls stay pending until `addToolOutput()`. */
  onClientTool?: ClientToolHandler | undefined;
  /** How long a tool may take. Default 60,000. */
  clientToolTimeoutMs?: number | undefined;
  /** Told of each `client_effect`, once; not of those that a page saw before it was reloaded. */
  onEffect?: ((event: ClientEffectEvent) => void) | undefined;
  /** How files are uploaded. Default `{ type: 'two_phase' }`. */
  uploads?: UploadStrategy | undefined;
  /** When to reconnect and when to give up. */
  connection?: Partial<Omit<ConnectionPolicy, 'repeatable'>> | undefined;
  /** When subscribers are told. Default: with the next frame. */
  scheduler?: Scheduler | undefined;
  /** For tests. */
  clock?: Clock | undefined;
  /** For tests. From 0 to 1. */
  random?: (() => number) | undefined;
  /** For tests, and for shells that know better than the browser when the network is back. */
  page?: PageEvents | undefined;
}

/** How a list is paged. */
export interface ListOptions extends RequestOptions {
  limit?: number | undefined;
  /** Default `desc`: newest first. */
  order?: 'asc' | 'desc' | undefined;
  /** `after` of the page before. */
  after?: string | undefined;
}

/** The client of one chat. Methods that start a run return it at once; all others reject with `ChatKitError`. */
export interface ChatClient {
  /** What there is to see. The same object until subscribers are told of another one. */
  getSnapshot(): ChatSnapshot;
  /** Calls `listener` after changes, at most once a frame, until the returned function is called. */
  subscribe(listener: () => void): () => void;

  /** Sends a message, to a new thread if none is loaded. A turn that is going on is stopped first; what it wrote stays. */
  send(input: string | UserMessageInputLike): ChatRun;
  /** Stops what is going on, wherever it runs. Resolves when that has settled. */
  stop(): Promise<void>;
  /** Sends the message that failed again, or has the last message answered anew. Throws when there is neither. */
  retry(): ChatRun;
  /** An action of a widget (`itemId`) or of the page. Waits for the turn that is going on. */
  sendAction(action: Action, options?: { itemId?: string | undefined }): ChatRun;
  /** An action that is answered at once, also while a turn is going on. Resolves with the widget as it is now. */
  sendSyncAction(action: Action, options?: { itemId?: string | undefined }): Promise<ThreadItem | undefined>;
  /** Answers or skips the questions of a `structured_input` item. */
  sendStructuredInput(itemId: string, input: Partial<StructuredInputResult>): ChatRun;
  /** Hands over the result of a tool call, by default of the newest one that is pending. */
  addToolOutput(result: unknown, options?: { itemId?: string | undefined }): ChatRun;

  /** Shows a thread, and attaches to its run if one is in progress. Lets go of what was shown before. */
  loadThread(threadId: string): Promise<void>;
  /** Starts afresh. The thread is created by the first message. */
  newThread(): void;
  /** Puts the page before the first item in front of it. Does nothing when there is none. */
  loadOlder(): Promise<void>;
  /** Lets go of the run without stopping it, for example before the page unmounts the chat. */
  detach(): void;

  listThreads(options?: ListOptions): Promise<Page<Thread>>;
  renameThread(threadId: string, title: string): Promise<Thread>;
  deleteThread(threadId: string): Promise<void>;
  sendFeedback(itemIds: readonly string[], kind: 'positive' | 'negative'): Promise<void>;
  /** Uploads a file; pass the attachment to `send()`. */
  uploadFile(file: Blob & { readonly name?: string }, options?: RequestOptions): Promise<Attachment>;
  deleteAttachment(attachmentId: string): Promise<void>;
  /** Speech to text. */
  transcribe(audio: Blob, options?: RequestOptions): Promise<{ text: string }>;
}

/**
 * Creates the client of one chat. Does nothing until it is asked to.
 *
 * @example
 * const client = createChatClient({ url: '/chatkit' });
 * client.subscribe(() => render(client.getSnapshot().items));
 * for await (const event of client.send('What is backpressure?')) console.log(event.type);
 */
export const createChatClient = (options: ChatClientOptions): ChatClient => {
  const endpoint = createEndpoint({ ...options, extensions: options.extensions !== false });
  const clock = options.clock ?? wallClock;
  const lane = createTurnLane<LaneTurn & { stop(): Promise<void> }>();
  const readSnapshot = createSnapshotReader();
  let state: ChatState = emptyChatState;
  /** What kind of server it is; `unanswered` until it has shown it. */
  let server: Reach = options.extensions === true ? 'resumable' : 'unanswered';
  /** Aborts when another thread is shown. */
  let showing = new AbortController();
  let older: Promise<void> | undefined;

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
    policy: () => ({ ...defaultPolicy, ...options.connection, repeatable: server === 'resumable' }),
    get: () => state,
    update,
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
    toolHandler: options.onClientTool,
    toolTimeoutMs: options.clientToolTimeoutMs ?? 60_000,
    namesCalls: () => server === 'resumable',
    async reload(isUnknown) {
      const threadId = state.thread.thread?.id;
      if (threadId === undefined) return false;
      const loaded = await loadThread(endpoint, threadId, { signal: showing.signal });
      if (isUnknown && !wentOn(state, loaded.thread)) return false;
      update((chat) => showThread(chat, loaded.thread, loaded.olderCursor));
      return selectItems(loaded.thread).at(-1)?.type !== 'user_message';
    },
  };

  const begin = (plan: TurnPlan, busy: 'interrupt' | 'wait'): Turn => {
    const turn = createTurn(plan, context);
    lane.enter(turn, busy);
    return turn;
  };

  /** A run that starts with a request of its own about the thread that is shown. */
  const request = (
    busy: 'interrupt' | 'wait',
    make: NonNullable<TurnPlan['request']>,
    plan: Partial<TurnPlan> = {},
  ): ChatRun => begin({ runId: createId('run'), ...plan, request: make }, busy).run;

  const deliver = ({ runId, input }: OutgoingMessage): ChatRun => {
    const make = (): ChatKitRequestInput => {
      const thread_id = state.thread.thread?.id;
      return thread_id === undefined
        ? { type: 'threads.create', params: { input } }
        : { type: 'threads.add_user_message', params: { thread_id, input } };
    };
    const run = request('interrupt', make, { runId, hasMessage: true });
    notifier.flush();
    return run;
  };

  const threadId = (): string => {
    const id = state.thread.thread?.id;
    if (id === undefined) throw new ChatKitError('thread.not_found', 'There is no thread yet: send a message first.');
    return id;
  };

  const showAnother = (): AbortSignal => {
    lane.clear('navigate');
    showing.abort();
    showing = new AbortController();
    older = undefined;
    return showing.signal;
  };

  const actionParams = (action: Action, itemId: string | undefined) => ({
    thread_id: threadId(),
    action,
    ...(itemId === undefined ? {} : { item_id: itemId }),
  });

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
        return deliver(failed);
      }
      const message = selectItems(state.thread).findLast((item) => item.type === 'user_message');
      if (message === undefined) throw new ChatKitError('item.not_found', 'There is no message to answer again.');
      return request(
        'interrupt',
        () => ({ type: 'threads.retry_after_item', params: { thread_id: threadId(), item_id: message.id } }),
        { prepare: (chat) => ({ ...chat, thread: pruneAfter(chat.thread, message.id) }) },
      );
    },

    sendAction(action, { itemId } = {}) {
      threadId();
      return request('wait', () => ({ type: 'threads.custom_action', params: actionParams(action, itemId) }));
    },

    async sendSyncAction(action, { itemId } = {}) {
      const { signal } = showing;
      const answer = await endpoint.json<{ updated_item?: ThreadItem }>(
        { type: 'threads.sync_custom_action', params: actionParams(action, itemId) },
        { signal },
      );
      const item = answer.updated_item;
      if (item === undefined || item === null) return undefined;
      update((chat) => ({ ...chat, thread: reduceThread(chat.thread, { type: 'thread.item.replaced', item }) }), 'now');
      return item;
    },

    sendStructuredInput(itemId, { status = 'answered', answers = {} }) {
      threadId();
      return request('wait', () => ({
        type: 'threads.add_structured_input',
        params: { thread_id: threadId(), item_id: itemId, input: { status, answers } },
      }));
    },

    addToolOutput(result, { itemId } = {}) {
      const call = pendingToolCalls(state.thread).findLast(({ id }) => itemId === undefined || id === itemId);
      if (call === undefined) throw new ChatKitError('item.not_pending', 'No such tool call waits for its output.');
      const output = { call, result: result ?? null };
      const named = itemId !== undefined && context.namesCalls();
      return request('wait', () => outputRequest(output, named), {
        prepare: (chat) => ({ ...chat, thread: completeCall(chat.thread, output, named) }),
      });
    },

    async loadThread(id) {
      showAnother();
      update(() => beginLoading(), 'now');
      const turn = createLoadTurn(id, context, () => lane.clear('detach'));
      lane.enter(turn, 'wait');
      const error = await turn.shown;
      if (error !== undefined) throw error;
    },

    newThread() {
      showAnother();
      update(() => emptyChatState, 'now');
    },

    async loadOlder() {
      const cursor = state.olderCursor;
      if (cursor === undefined) return;
      const { signal } = showing;
      older ??= loadOlder(endpoint, threadId(), cursor, { signal })
        .then((page) => {
          if (!signal.aborted) update((chat) => addOlder(chat, page.items, page.cursor), 'now');
        })
        .finally(() => {
          older = undefined;
        });
      await older;
    },

    detach() {
      lane.clear('detach');
      update(letGo, 'now');
    },

    listThreads: ({ signal, ...params } = {}) =>
      endpoint.json({ type: 'threads.list', params: present(params) }, { signal }),
    async renameThread(id, title) {
      const thread = await endpoint.json<Thread>({ type: 'threads.update', params: { thread_id: id, title } });
      if (state.thread.thread?.id === id) {
        update((chat) => ({ ...chat, thread: reduceThread(chat.thread, { type: 'thread.updated', thread }) }), 'now');
      }
      return thread;
    },
    async deleteThread(id) {
      await endpoint.json({ type: 'threads.delete', params: { thread_id: id } });
      if (state.thread.thread?.id !== id) return;
      showAnother();
      update(() => emptyChatState, 'now');
    },
    async sendFeedback(itemIds, kind) {
      await endpoint.json({ type: 'items.feedback', params: { thread_id: threadId(), item_ids: [...itemIds], kind } });
    },
    uploadFile: (file, requestOptions) =>
      uploadFile(file, options.uploads ?? { type: 'two_phase' }, endpoint, requestOptions),
    async deleteAttachment(id) {
      await endpoint.json({ type: 'attachments.delete', params: { attachment_id: id } });
    },
    async transcribe(audio, requestOptions) {
      const params = { audio_base64: await toBase64(audio), mime_type: audio.type || 'audio/webm' };
      return endpoint.json({ type: 'input.transcribe', params }, requestOptions);
    },
  };
};

/** Drops keys without a value. */
const present = <T extends object>(fields: T): T =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
