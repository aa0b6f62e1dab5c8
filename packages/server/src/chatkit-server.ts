/**
 * The server class: one method to write, `respond()`, and others to override. It does no work itself; it hands its
 * stores, hooks and settings to the modules that do.
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
import { limitedParts } from './limited-parts.ts';
import { createLocalLease } from './local-lease.ts';
import { isPartialAnswer } from './partial-answer.ts';
import { replyTo } from './reply-to.ts';
import { reported } from './reported.ts';
import { createRunRegistry, type RunRegistry } from './run-registry.ts';
import { createSalvage } from './salvage.ts';
import type {
  AddedItems,
  AudioInput,
  Feedback,
  RunContext,
  ServerHooks,
  ServerParts,
  SyncActionResult,
} from './server-parts.ts';
import type { ServerRequest } from './server-request.ts';
import { resolveSettings, type Settings, type SettingsOptions } from './settings.ts';
import { limitedLease } from './time-limit.ts';
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
   * The id of the user that a context belongs to. Used for `maxRunsPerUser`, and stored in the run's record, which
   * other machines read. Default: the convention of `@chatkit/store`, that is, the context itself when it is a string,
   * else its `userId`.
   */
  userOf?: ((context: Context) => string | undefined) | undefined;
  /**
   * Makes a context from a user's id. It is needed when the machine that ran the user's answer has died: the machine
   * that ends the run uses this context to keep what was written, by `handleStreamCancelled()`. Without this option the
   * half-written answer is removed, because stores accept no writes without a user. A program without users, whose
   * context is `undefined`, does not need it.
   */
  contextOf?: ((userId: string) => Context | Promise<Context>) | undefined;
}

/** What the runtime provides for one request. */
export interface HandleOptions {
  /**
   * For runtimes that stop a request's work once its client has gone, such as Cloudflare Workers: `(work) =>
   * ctx.waitUntil(work)`. It gets a promise for the run that the request starts, so that the run outlives the
   * connection: the server notices that the client left, keeps what was written, and lets the client resume. What it
   * throws goes to `onError`, and the request is answered all the same.
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
 *     yield* streamTextResponse(thread, model.stream(input, { signal: run.signal }));
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
  readonly #parts: ServerParts<Context>;

  /** Throws a `TypeError` for invalid options. Options that are none are left alone: they may be a subclass's own. */
  constructor(options: ChatKitServerOptions<Context>) {
    assertOptions(options);
    this.store = options.store;
    this.attachmentStore = options.attachmentStore;
    this.log = options.log ?? createMemoryLog();
    this.settings = resolveSettings(options);
    this.userOf = options.userOf ?? defaultUserOf;
    this.#parts = limitedParts(this);
    this.#registry = createRunRegistry(
      this.log,
      options.lease === undefined ? createLocalLease() : limitedLease(options.lease, this.settings),
      this.settings,
      createSalvage(this.#parts, options.contextOf),
    );
  }

  /**
   * Answers a request. Never rejects: a failure is a response with an error status, or an `error` event on the stream.
   * Routing is yours: the URL's path is ignored, and so is its query, except in a GET that attaches to a run
   * (`?run=&after=`).
   */
  async handle(request: Request, context: Context, options: HandleOptions = {}): Promise<Response> {
    const reply = await this.reply(request, context, options);
    // Without the signal, the body of a client that has gone would wait for it until the connection counts as stuck. And
    // without types the request may be none, to which the reply is an error.
    return toResponse(reply, { signal: (request as Request | undefined)?.signal });
  }

  /** `handle()` without the conversion to a `Response`, for runtime adapters. */
  reply(request: ServerRequest, context: Context, options: HandleOptions = {}): Promise<Reply> {
    return this.replyAs(request, () => context, options);
  }

  /**
   * `reply()` for adapters that have not authenticated the user yet. `signIn` is called after the host and the origin
   * have been checked, and not for a CORS preflight, which carries no credentials. What it throws becomes an ordinary
   * error response with CORS headers, so that a page of a listed origin can read it.
   */
  replyAs(
    request: ServerRequest,
    signIn: () => Context | Promise<Context>,
    { waitUntil }: HandleOptions = {},
  ): Promise<Reply> {
    const kept =
      waitUntil && ((work: Promise<unknown>) => void reported(this.settings.onError, async () => waitUntil(work), {}));
    return replyTo({ parts: this.#parts, registry: this.#registry, waitUntil: kept }, request, signIn);
  }

  /**
   * Shuts the server down: new runs and deletions of threads get 503 `server.closing`; runs in progress have `graceMs`
   * (default 10,000; `Infinity` for as long as they take) to finish and are then stopped with the outcome
   * `interrupted`, and what they wrote is kept. Who reads a run of another machine here is then asked to reconnect.
   * Resolves when all runs have settled, and deletions and the ends of dead machines' runs that had begun are over.
   */
  close(options: { graceMs?: number | undefined } = {}): Promise<void> {
    return this.#registry.close(options.graceMs ?? 10_000);
  }

  // What follows is documented where it is declared, in `ServerHooks`; editors show that here as well.

  abstract respond(
    thread: ThreadMetadata,
    input: UserMessageItem | null,
    context: Context,
    run: RunContext,
  ): AsyncIterable<ThreadStreamEvent>;

  action(
    _thread: ThreadMetadata,
    action: Action,
    _sender: WidgetItem | null,
    _context: Context,
    _run: RunContext,
  ): AsyncIterable<ThreadStreamEvent> {
    throw new ChatKitError(
      'request.unsupported',
      `The action ${JSON.stringify(action.type)} has no handler: the server needs \`async *action(thread, action, sender, context, run)\`.`,
    );
  }

  async syncAction(
    _thread: ThreadMetadata,
    _action: Action,
    _sender: WidgetItem | null,
    _context: Context,
  ): Promise<SyncActionResult> {
    throw new ChatKitError('request.unsupported', 'This server has no syncAction().');
  }

  async addFeedback(_feedback: Feedback, _context: Context): Promise<void> {}

  async transcribe(_input: AudioInput, _context: Context): Promise<{ text: string }> {
    throw new ChatKitError('request.unsupported', 'This server does not transcribe speech: it has no transcribe().');
  }

  getStreamOptions(_thread: ThreadMetadata, _context: Context): StreamOptions | Promise<StreamOptions> {
    return { allow_cancel: true };
  }

  async handleStreamCancelled(
    thread: ThreadMetadata,
    pending: readonly ThreadItem[],
    context: Context,
    run: RunContext,
  ): Promise<AddedItems> {
    for (const item of pending) {
      try {
        if (isPartialAnswer(item)) await this.store.saveItem(thread.id, item, context);
      } catch (error) {
        // The others may still be kept.
        this.settings.onError(error, { threadId: thread.id, runId: run.id });
      }
    }
    const { reason } = run.signal;
    // The model needs to know only of stops that the user asked for, not of a deploy.
    if (run.signal.aborted && isChatKitError(reason) && reason.code !== 'run.cancelled') return;
    const note = sdkHiddenContext({
      id: this.generateItemId('sdk_hidden_context', thread, context),
      thread_id: thread.id,
      created_at: new Date(this.settings.now()).toISOString(),
      content: 'The user cancelled the stream. Stop responding to the prior request.',
    });
    await this.store.saveItem(thread.id, note, context);
  }

  generateThreadId(_context: Context, name?: string): string {
    return name === undefined ? createId('thread') : `thr_${name}`;
  }

  generateItemId(kind: IdKind, _thread: ThreadMetadata, _context: Context, name?: string): string {
    return name === undefined ? createId(kind) : `msg_${name}`;
  }
}
