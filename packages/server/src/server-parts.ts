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

/** The functions an application overrides. Only `respond` has no default. */
export interface ServerHooks<Context> {
  /**
   * Step 1 of the path of a token. Answers a message, or continues after a client tool or a structured input (`input`
   * is then `null`). Changes to `thread` (title, status, `metadata`, …) are saved and announced.
   */
  respond(
    thread: ThreadMetadata,
    input: UserMessageItem | null,
    context: Context,
    run: RunContext,
  ): AsyncIterable<ThreadStreamEvent>;
  /** Answers an action of a widget (`sender`), or of the page itself (`null`), with a stream. */
  action(
    thread: ThreadMetadata,
    action: Action,
    sender: WidgetItem | null,
    context: Context,
    run: RunContext,
  ): AsyncIterable<ThreadStreamEvent>;
  /** Answers an action without a stream. The returned item, if there is one, is stored and sent back. */
  syncAction(
    thread: ThreadMetadata,
    action: Action,
    sender: WidgetItem | null,
    context: Context,
  ): Promise<SyncActionResult>;
  /** Receives a thumbs up or down. Does nothing by default. */
  addFeedback(feedback: Feedback, context: Context): Promise<void>;
  /** Turns speech into text. */
  transcribe(input: AudioInput, context: Context): Promise<{ text: string }>;
  /** What the client may do during the stream. Default: it may stop it. */
  getStreamOptions(thread: ThreadMetadata, context: Context): StreamOptions | Promise<StreamOptions>;
  /**
   * Called once when a run was stopped, with its unfinished items. Items that it returns are added to the thread:
   * stored, and sent to readers.
   */
  handleStreamCancelled(
    thread: ThreadMetadata,
    pending: readonly ThreadItem[],
    context: Context,
    run: RunContext,
  ): Promise<AddedItems>;
  generateThreadId(context: Context, name?: string): string;
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
