/**
 * The interface between a server and the rest of this package: its stores, the functions that an application may
 * override, and its settings. `ChatKitServer` implements it; the request handlers and the core loop see only this.
 */
import type {
  Action,
  AttachmentStore,
  IdKind,
  Store,
  StreamLog,
  StreamOptions,
  ThreadItem,
  ThreadMetadata,
  ThreadStreamEvent,
  UserMessageItem,
  WidgetItem,
} from '@chatkit/core';
import type { Settings } from './settings.ts';

/** What `respond()` and `action()` get to know about their run. */
export interface RunContext {
  /**
   * The run's id, by which opted-in clients resume and cancel. A request that is sent again because its server died has
   * the same run id, so it serves as an idempotency key for what must not happen twice, such as an order or a booking.
   */
  readonly id: string;
  readonly threadId: string;
  /**
   * Aborts when the run is to stop: the client stopped it or went away, a newer message came, a deadline passed, or the
   * server closes. Pass it to `fetch` and to model clients, so that you do not pay for tokens that nobody reads. Its
   * `reason` is a `ChatKitError`.
   */
  readonly signal: AbortSignal;
}

/** Speech that the client recorded. */
export interface AudioInput {
  audio: Uint8Array<ArrayBuffer>;
  /** As the client sent it, for example `audio/webm;codecs=opus`. */
  mimeType: string;
  /** `mimeType` without parameters, for example `audio/webm`. */
  mediaType: string;
}

/** A user's rating of some items. */
export interface Feedback {
  threadId: string;
  itemIds: readonly string[];
  kind: 'positive' | 'negative';
}

/** Items to add, or nothing. */
// biome-ignore lint/suspicious/noConfusingVoidType: an override without a return statement is the usual one
export type AddedItems = readonly ThreadItem[] | void;

/** What an action without a stream has changed, if anything: an item. */
// biome-ignore lint/suspicious/noConfusingVoidType: an override without a return statement is a usual one
export type SyncActionResult = { updated_item?: ThreadItem | undefined } | void;

/**
 * The functions an application overrides, as methods of a subclass of `ChatKitServer` or as options of
 * `createChatKitServer()`. Only `respond` has no default.
 */
export interface ServerHooks<Context> {
  /**
   * Step 1 of the path of a token. Answers a user's message, or continues after a client tool or a structured input
   * (`input` is then `null`). Yield the events of the answer; each is stored before it is sent. Changes to `thread`
   * (title, status, `metadata`, …) are saved and announced. When `run.signal` aborts, no more events are read and your
   * `finally` blocks run. Throw `CustomStreamError` to show the user a message; any other error reaches them as
   * "something went wrong".
   */
  respond(
    thread: ThreadMetadata,
    input: UserMessageItem | null,
    context: Context,
    run: RunContext,
  ): AsyncIterable<ThreadStreamEvent>;
  /**
   * Answers an action of a widget (`sender`), or of the page itself (`null`), with a stream. Throws by default:
   * override it when your widgets have actions.
   */
  action(
    thread: ThreadMetadata,
    action: Action,
    sender: WidgetItem | null,
    context: Context,
    run: RunContext,
  ): AsyncIterable<ThreadStreamEvent>;
  /**
   * Answers an action that has `streaming: false`. The item you return, if you do, is stored and sent back. By default
   * 501.
   */
  syncAction(
    thread: ThreadMetadata,
    action: Action,
    sender: WidgetItem | null,
    context: Context,
  ): Promise<SyncActionResult>;
  /** Receives a thumbs up or down. Does nothing by default. */
  addFeedback(feedback: Feedback, context: Context): Promise<void>;
  /** Turns speech into text. By default 501: override it when the composer offers dictation. */
  transcribe(input: AudioInput, context: Context): Promise<{ text: string }>;
  /** What the client may do during the stream. Default: it may stop it. */
  getStreamOptions(thread: ThreadMetadata, context: Context): StreamOptions | Promise<StreamOptions>;
  /**
   * Called once when a run was stopped, with its unfinished items. Not called for an action, a tool's output, answers to
   * questions or a retry that is stopped before it begins: that leaves nothing. By default it keeps assistant messages
   * that have text, drops everything else, and stores a hidden note that tells the model that the user cancelled. Items
   * that an override returns are added to the thread, stored and shown: for example a line saying that the answer was
   * stopped.
   */
  handleStreamCancelled(
    thread: ThreadMetadata,
    pending: readonly ThreadItem[],
    context: Context,
    run: RunContext,
  ): Promise<AddedItems>;
  /**
   * Makes the id of a new thread. If the user has a thread with this id, the message is added to that. `name` is given
   * where the client may start the same conversation again, by a repeat of its request or by another request. It is the
   * same each time and never another user's; an id derived from it ensures that the conversation is created once.
   * Default: 96 random bits, or the name.
   */
  generateThreadId(context: Context, name?: string): string;
  /**
   * Makes the id of an item that the server creates, which must be unused in the thread. `name` is given for a user's
   * message that its client may send again, to this machine after a restart or to another one. It is the same each time
   * and never another thread's; an id derived from it ensures that the message is stored once. Default: 96 random bits,
   * or the name.
   */
  generateItemId(kind: IdKind, thread: ThreadMetadata, context: Context, name?: string): string;
}

/** A server as the modules of this package see it. */
export interface ServerParts<Context> extends ServerHooks<Context> {
  readonly store: Store<Context>;
  readonly attachmentStore: AttachmentStore<Context> | undefined;
  readonly log: StreamLog;
  readonly settings: Settings;
  /** The id of the user that a context belongs to, if it is known. */
  readonly userOf: (context: Context) => string | undefined;
}
