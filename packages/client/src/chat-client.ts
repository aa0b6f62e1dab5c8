/**
 * The types of the client of one chat: its methods (`ChatClient`) and its options. `create-chat-client.ts` makes one.
 */
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

/** Options of `createChatClient`. Only `url` is required. Another name, or a value of another kind, throws a `TypeError`. */
export interface ChatClientOptions {
  /** The server's address, for example `/chatkit`. */
  url: string | URL;
  /** Sends every request except the bytes of files (`uploadFetch`). Default: the runtime's. */
  fetch?: typeof globalThis.fetch | undefined;
  /**
   * Sent with every request. A function is called each time, reconnects included, so that a token stays fresh, and once
   * more when the server refuses (401, 403) what it returned.
   */
  headers?: HeadersSource | undefined;
  credentials?: RequestInit['credentials'] | undefined;
  /**
   * Whether to use the extensions (resume, cancel from anywhere, run ids). Default: the client asks for them, and
   * relies on them once the server's first answer shows that it has them. `true`: the server is known to have them, so
   * even the first message is sent again if its request fails. `false`: never ask; for the Python SDK's server.
   */
  extensions?: boolean | undefined;
  /** Runs the tools that the assistant calls in the page. Without it, calls stay pending until `addToolOutput()`. */
  onClientTool?: ClientToolHandler | undefined;
  /** How long a tool may take. Default 60,000. */
  clientToolTimeoutMs?: number | undefined;
  /** Called for each `client_effect`, once; not for those from before the page was reloaded. */
  onEffect?: ((event: ClientEffectEvent) => void) | undefined;
  /** How files are uploaded. Default `{ type: 'two_phase' }`. */
  uploads?: UploadStrategy | undefined;
  /**
   * Sends the bytes of files, with both kinds of `uploads`. Default: the runtime's `fetch`, even where `fetch` above is
   * another one, because that may be a WebSocket, which carries only text.
   */
  uploadFetch?: typeof globalThis.fetch | undefined;
  /**
   * The time limit, to the last byte, of requests that do not stream (threads, items, feedback, `stop()`); after that
   * they reject with `transport.timeout`. Files and recordings get another millisecond for every 8 bytes. Default
   * 30,000.
   */
  requestTimeoutMs?: number | undefined;
  /** When to reconnect and when to give up. */
  connection?: { [Name in Exclude<keyof ConnectionPolicy, 'repeatable'>]?: number | undefined } | undefined;
  /** When subscribers are notified. Default: with the next animation frame. */
  scheduler?: Scheduler | undefined;
  /** For tests. */
  clock?: Clock | undefined;
  /** For tests. From 0 to 1. */
  random?: (() => number) | undefined;
  /** For tests, and for app shells that know better than the browser when the network is back. */
  page?: PageEvents | undefined;
}

/** Paging options of a list. */
export interface ListOptions extends RequestOptions {
  limit?: number | undefined;
  /** Default `desc`: newest first. */
  order?: 'asc' | 'desc' | undefined;
  /** The `after` of the previous page. */
  after?: string | undefined;
}

/** Refers to an item of the thread: its id, or an object with `itemId`. */
export type ItemRef = string | { itemId?: string | undefined };

/** The client of one chat. Methods that start a run return it at once; all others reject with `ChatKitError`. */
export interface ChatClient {
  /** What there is to show. The same object until subscribers are notified of a new one. */
  getSnapshot(): ChatSnapshot;
  /** Calls `listener` after changes, at most once a frame, until the returned function is called. */
  subscribe(listener: () => void): () => void;

  /**
   * Sends a message, to a new thread if none is loaded. If the current thread could not be loaded, it is loaded first.
   * An answer in progress is stopped first; what it has written stays. Throws a `TypeError` if there is neither text
   * nor an attachment.
   */
  send(input: string | UserMessageInputLike): ChatRun;
  /** Stops the answer in progress, on whichever machine it runs. Resolves when it has settled. */
  stop(): Promise<void>;
  /**
   * Tries again whichever of these comes first: sends the message that failed; loads the thread that could not be
   * loaded; resumes the run whose connection was refused or lost; repeats the request that got no answer (an action,
   * answers, the output of a tool); has the last message answered anew, or if the user has gone on elsewhere since,
   * shows that. Throws if there is nothing to retry.
   */
  retry(): ChatRun;
  /**
   * Puts other words in place of one of the user's messages and has it answered anew; everything after it is deleted.
   * An answer in progress is stopped first, and a message that could not be sent is given up, as by `send()`. If the
   * request fails, the old words and answers are shown again. Throws `item.not_found` if no such message is loaded,
   * `thread.not_found` if there is no thread. The Python SDK's server cannot edit: it answers the old words.
   *
   * @example
   * client.edit(message.id, 'What I meant to ask');
   */
  edit(messageId: string, input: string | UserMessageInputLike): ChatRun;
  /** Sends an action of a widget (`item`) or of the page. Waits for the answer in progress to end. */
  sendAction(action: Action, item?: ItemRef): ChatRun;
  /** Sends an action that is answered at once, even during an answer. Resolves with the updated widget. */
  sendSyncAction(action: Action, item?: ItemRef): Promise<ThreadItem | undefined>;
  /** Answers or skips the questions of a `structured_input` item. */
  sendStructuredInput(itemId: string, input: Partial<StructuredInputResult>): ChatRun;
  /** Sends the result of a tool call; by default, of the newest pending one. */
  addToolOutput(result: unknown, item?: ItemRef): ChatRun;

  /**
   * Shows a thread, and attaches to its run if one is in progress. What was shown before is dropped, and its run is
   * left to go on. While a thread is being loaded, asking for it again joins that load. If loading fails, for any
   * reason except that the thread does not exist, or is ended by `detach()`, later messages still go to this thread.
   */
  loadThread(threadId: string): Promise<void>;
  /**
   * Reloads the thread from the server, and attaches to a run that was started elsewhere, or here and lost; the tools
   * of the latter run as usual. The screen does not change until the thread is loaded, or if loading fails. Does nothing
   * without a thread or while something is in progress.
   */
  refresh(): Promise<void>;
  /** Starts a new thread. It is created by its first message. */
  newThread(): void;
  /** Loads the page of items before the first one shown. Does nothing if there is none. */
  loadOlder(): Promise<void>;
  /** Stops following the run without stopping it, for example before the page unmounts the chat. */
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
