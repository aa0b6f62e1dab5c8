/** What a client of one chat can do, and what it can be told: the types. `create-chat-client.ts` makes one. */
import type {
  Action,
  Attachment,
  ClientEffectEvent,
  Page,
  StructuredInputResult,
  Thread,
  ThreadItem,
} from '@chatkit/core';
import type { UploadStrategy } from './attachments.ts';
import type { ClientToolHandler } from './client-tools.ts';
import type { ConnectionPolicy } from './connection-policy.ts';
import type { HeadersSource, RequestOptions } from './endpoint.ts';
import type { Scheduler } from './notify.ts';
import type { UserMessageInputLike } from './outgoing-message.ts';
import type { Clock, PageEvents } from './ports.ts';
import type { ChatRun } from './run-handle.ts';
import type { ChatSnapshot } from './snapshot.ts';

/** What a client is made from. Only `url` is required. */
export interface ChatClientOptions {
  /** The server's address, for example `/chatkit`. */
  url: string | URL;
  /** Default: the runtime's. */
  fetch?: typeof globalThis.fetch | undefined;
  /**
   * Sent with every request; a function is asked each time, reconnects included, so a token stays fresh, and once more when the
   * server refuses what it gave.
   */
  headers?: HeadersSource | undefined;
  credentials?: RequestInit['credentials'] | undefined;
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
  /**
   * How long a request may take that is answered as a whole (threads, items, feedback, `stop()`), to its last byte; then it
   * rejects with `transport.timeout`. Files and recordings have a millisecond more for every 8 bytes. Default 30,000.
   */
  requestTimeoutMs?: number | undefined;
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

/** Which item of the thread is meant: its id, by itself or by name. */
export type ItemRef = string | { itemId?: string | undefined };

/** The client of one chat. Methods that start a run return it at once; all others reject with `ChatKitError`. */
export interface ChatClient {
  /** What there is to see. The same object until subscribers are told of another one. */
  getSnapshot(): ChatSnapshot;
  /** Calls `listener` after changes, at most once a frame, until the returned function is called. */
  subscribe(listener: () => void): () => void;

  /**
   * Sends a message, to a new thread if none is loaded; one that could not be loaded is loaded first. A turn that is
   * going on is stopped first; what it wrote stays.
   */
  send(input: string | UserMessageInputLike): ChatRun;
  /** Stops what is going on, wherever it runs. Resolves when that has settled. */
  stop(): Promise<void>;
  /**
   * Sends the message that failed again; or loads the thread that could not be loaded; or goes on with the run whose connection
   * was refused or lost; or asks again what got no answer (an action, answers, the output of a tool); or has the last message answered
   * anew. Throws when there is none of these.
   */
  retry(): ChatRun;
  /** An action of a widget (`item`) or of the page. Waits for the turn that is going on. */
  sendAction(action: Action, item?: ItemRef): ChatRun;
  /** An action that is answered at once, also while a turn is going on. Resolves with the widget as it is now. */
  sendSyncAction(action: Action, item?: ItemRef): Promise<ThreadItem | undefined>;
  /** Answers or skips the questions of a `structured_input` item. */
  sendStructuredInput(itemId: string, input: Partial<StructuredInputResult>): ChatRun;
  /** Hands over the result of a tool call, by default of the newest one that is pending. */
  addToolOutput(result: unknown, item?: ItemRef): ChatRun;

  /**
   * Shows a thread, and attaches to its run if one is in progress. Lets go of what was shown before. Where it fails,
   * for any reason but that there is no such thread, it is still the one that later messages are for.
   */
  loadThread(threadId: string): Promise<void>;
  /**
   * Shows the thread as it is stored now, and attaches to a run that was begun elsewhere. What is on the screen stays until
   * then, also when it fails. Does nothing without a thread and while something is going on.
   */
  refresh(): Promise<void>;
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
