/**
 * The server, as an application sees it: a class with one method to write, `respond()`, and others to override. All
 * work is done by the modules it hands its parts to.
 */
import {
  type Action,
  type AttachmentStore,
  ChatKitError,
  createId,
  type IdKind,
  isChatKitError,
  type RunLease,
  type Store,
  type StreamLog,
  type StreamOptions,
  sdkHiddenContext,
  type ThreadItem,
  type ThreadMetadata,
  type ThreadStreamEvent,
  type UserMessageItem,
  type WidgetItem,
} from '@chatkit/core';
import { createMemoryLog } from '@chatkit/store/memory';
import { type Reply, toResponse } from '@chatkit/transport';
import { assertOptions } from './assert-options.ts';
import { createLocalLease } from './local-lease.ts';
import { isPartialAnswer } from './process-events.ts';
import { replyTo } from './reply-to.ts';
import { createRunRegistry, type RunRegistry } from './run-registry.ts';
import { createSalvage } from './salvage.ts';
import type { AddedItems, AudioInput, Feedback, RunContext, ServerHooks } from './server-parts.ts';
import type { ServerRequest } from './server-request.ts';
import { resolveSettings, type Settings, type SettingsOptions } from './settings.ts';
import { defaultUserOf } from './user-of.ts';

/** What a server is made of. */
export interface ChatKitServerOptions<Context> extends SettingsOptions {
  /** Keeps threads, items and attachment records. */
  store: Store<Context>;
  /** Keeps the bytes of attachments. Without it attachments are refused. */
  attachmentStore?: AttachmentStore<Context> | undefined;
  /** Keeps the events of runs for readers that come back. Default: in this process's memory. */
  log?: StreamLog | undefined;
  /**
   * Says which machine runs a thread, where there are several. Needs a `log` that all of them share. Default: this
   * process is alone.
   */
  lease?: RunLease | undefined;
  /**
   * Whose context it is: for `maxRunsPerUser`, and for the record of a run that other machines read. Default: as the
   * stores of `@chatkit/store` have it, the context itself when it is a string, else its `userId`.
   */
  userOf?: ((context: Context) => string | undefined) | undefined;
  /**
   * The context in which to act for a user whose machine has died: what its run had written is then kept, by
   * `handleStreamCancelled()`, on the machine that ends the run. Without it such a half-written answer is taken back,
   * because stores do not let anybody write without a user. In a program without users, whose context is `undefined`,
   * it is not needed.
   */
  contextOf?: ((userId: string) => Context | Promise<Context>) | undefined;
}

/** What a runtime offers for one request. */
export interface HandleOptions {
  /**
   * Where the runtime ends a request's work once its client has gone (Cloudflare Workers): `(work) =>
   * ctx.waitUntil(work)`. It is given the run that the request starts, so that a client that leaves is noticed, what
   * was written is kept, and a client that comes back finds the run going on.
   */
  waitUntil?: ((work: Promise<unknown>) => void) | undefined;
}

/**
 * A ChatKit server. Subclass it and write `respond()`; `createChatKitServer` does the same with functions. `Context` is
 * whatever you pass to `handle()`, usually the user; it reaches the store and every method.
 *
 * @example
 * class Assistant extends ChatKitServer<User> {
 *   async *respond(thread, input, user, run) {
 *     yield* streamText({ thread, text: model.stream(input, { signal: run.signal }) });
 *   }
 * }
 * const server = new Assistant({ store: createMemoryStore() });
 * const response = await server.handle(request, user);
 */
export abstract class ChatKitServer<Context = unknown> implements ServerHooks<Context> {
  readonly store: Store<Context>;
  readonly attachmentStore: AttachmentStore<Context> | undefined;
  readonly log: StreamLog;
  readonly settings: Settings;
  readonly userOf: (context: Context) => string | undefined;
  readonly #registry: RunRegistry;

  /** Throws a `TypeError` for options that no server can be made of. */
  constructor(options: ChatKitServerOptions<Context>) {
    assertOptions(options);
    this.store = options.store;
    this.attachmentStore = options.attachmentStore;
    this.log = options.log ?? createMemoryLog();
    this.settings = resolveSettings(options);
    this.userOf = options.userOf ?? defaultUserOf;
    this.#registry = createRunRegistry(
      this.log,
      options.lease ?? createLocalLease(),
      this.settings,
      createSalvage<Context>(this, options.contextOf),
    );
  }

  /**
   * Answers a request. Never rejects: what goes wrong is an answer with a status, or an event on the stream. Routing is
   * yours; the path and the query of the URL are not looked at, except for `?run=` of a GET.
   */
  async handle(request: Request, context: Context, options: HandleOptions = {}): Promise<Response> {
    // A client that has gone takes nothing more: without the signal the body would wait for it until it is given up as
    // stuck.
    return toResponse(await this.reply(request, context, options), { signal: request.signal });
  }

  /** `handle()` before it becomes a `Response`: what adapters of runtimes build on. */
  reply(request: ServerRequest, context: Context, options: HandleOptions = {}): Promise<Reply> {
    return this.replyAs(request, () => context, options);
  }

  /**
   * `reply()` for adapters that have yet to find out who asks. `signIn` is called after the host and the origin have
   * been checked, and not for a browser that asks first, which brings no credentials. What it throws is an answer like
   * any other, so that a page of a listed origin can read it.
   */
  replyAs(
    request: ServerRequest,
    signIn: () => Context | Promise<Context>,
    { waitUntil }: HandleOptions = {},
  ): Promise<Reply> {
    return replyTo({ parts: this, registry: this.#registry, waitUntil }, request, signIn);
  }

  /**
   * Ends the server: new runs get 503 `server.closing`, those in progress have `graceMs` (default 10,000) to finish and
   * are then stopped with the outcome `interrupted`; what they wrote is kept. Resolves when all have settled.
   */
  close(options: { graceMs?: number | undefined } = {}): Promise<void> {
    return this.#registry.close(options.graceMs ?? 10_000);
  }

  /**
   * Answers a message of the user, or goes on after a client tool or a structured input (`input` is `null`). Yield the
   * events of the answer; each is stored before it is sent. What you change on `thread` is saved and announced. When
   * `run.signal` aborts nothing more is read; your `finally` blocks run. Throw `CustomStreamError` for a text that the
   * user reads; any other error reaches them as "something went wrong".
   */
  abstract respond(
    thread: ThreadMetadata,
    input: UserMessageItem | null,
    context: Context,
    run: RunContext,
  ): AsyncIterable<ThreadStreamEvent>;

  /** Answers an action of a widget with a stream. By default an error: override it when your widgets have actions. */
  action(
    _thread: ThreadMetadata,
    action: Action,
    _sender: WidgetItem | null,
    _context: Context,
    _run: RunContext,
  ): AsyncIterable<ThreadStreamEvent> {
    throw new ChatKitError(
      'request.unsupported',
      `The action ${JSON.stringify(action.type)} came, and the server has no \`async *action(thread, action, sender, context, run)\`.`,
    );
  }

  /** Answers an action of a widget with `streaming: false`. The item you return is stored and sent. */
  async syncAction(
    _thread: ThreadMetadata,
    _action: Action,
    _sender: WidgetItem | null,
    _context: Context,
  ): Promise<{ updated_item?: ThreadItem | undefined }> {
    throw new ChatKitError('request.unsupported', 'This server takes no synchronous actions: it has no syncAction().');
  }

  /** Takes feedback on items. Does nothing by default. */
  async addFeedback(_feedback: Feedback, _context: Context): Promise<void> {}

  /** Turns speech into text. By default 501: override it when the composer offers dictation. */
  async transcribe(_input: AudioInput, _context: Context): Promise<{ text: string }> {
    throw new ChatKitError('request.unsupported', 'This server does not transcribe speech: it has no transcribe().');
  }

  /** What the client may do during a stream. Default: it may stop it. */
  getStreamOptions(_thread: ThreadMetadata, _context: Context): StreamOptions | Promise<StreamOptions> {
    return { allow_cancel: true };
  }

  /**
   * Called once when a run was stopped, with the items that were begun and not finished. By default answers with text
   * are kept as they are, everything else is dropped, and the model is told, in a hidden note, that the user cancelled.
   * What an override returns is added to the thread and shown, for example a line that says that the answer was
   * stopped.
   */
  async handleStreamCancelled(
    thread: ThreadMetadata,
    pending: readonly ThreadItem[],
    context: Context,
    run: RunContext,
  ): Promise<AddedItems> {
    for (const item of pending) {
      if (isPartialAnswer(item)) await this.store.saveItem(thread.id, item, context);
    }
    const { reason } = run.signal;
    // Only a stop that a user meant is one that the model must know of; a deploy is not.
    if (run.signal.aborted && isChatKitError(reason) && reason.code !== 'run.cancelled') return;
    const note = sdkHiddenContext({
      id: this.generateItemId('sdk_hidden_context', thread, context),
      thread_id: thread.id,
      created_at: new Date(this.settings.now()).toISOString(),
      content: 'The user cancelled the stream. Stop responding to the prior request.',
    });
    await this.store.saveItem(thread.id, note, context);
  }

  /**
   * The id of a new thread. Must be new. `name`: of a conversation that its client may begin again, by sending the
   * request once more or by another one: the same each time, and no other user's. Made into an id, it has the
   * conversation begun once.
   */
  generateThreadId(_context: Context, name?: string): string {
    return name === undefined ? createId('thread') : `thr_${name}`;
  }

  /**
   * The id of a new item of this server's own. Must be new in the thread. `name`: of a user's message that its client
   * may send again, to this machine after a restart or to another one: the same each time, and no other thread's. Made
   * into an id, it has the message stored once.
   */
  generateItemId(kind: IdKind, _thread: ThreadMetadata, _context: Context, name?: string): string {
    return name === undefined ? createId(kind) : `msg_${name}`;
  }
}
