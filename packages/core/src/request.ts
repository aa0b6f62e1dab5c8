/** The types of the requests to the endpoint. */
import type { InferenceOptions, UserMessageContent, UserTagContent, UserTextContent } from './content.ts';
import type { StructuredInputAnswer, StructuredInputResult } from './structured-input.ts';

/** Any request after parsing, with defaults filled in. Discriminated by `type`. */
export type ChatKitRequest = { [T in keyof RequestParams]: Request<T> }[keyof RequestParams];

/** The request of one type: `ChatKitRequestOf<'threads.create'>`. */
export type ChatKitRequestOf<T extends ChatKitRequest['type']> = Extract<ChatKitRequest, { type: T }>;

/** Any request as a client may write it: fields with a default can be left out. */
export type ChatKitRequestInput = { [T in keyof RequestParams]: RequestInput<T> }[keyof RequestParams];

/** The params of each request. */
export interface RequestParams {
  /** The first message of a new conversation. */
  'threads.create': { input: UserMessageInput };
  'threads.add_user_message': { thread_id: string; input: UserMessageInput };
  /**
   * The result of a tool that ran in the page. In the common protocol the call is not named; the extension `item_id`
   * names it when several are pending.
   */
  'threads.add_client_tool_output': { thread_id: string; item_id?: string | undefined; result: unknown };
  'threads.add_structured_input': { thread_id: string; item_id: string; input: StructuredInputResult };
  /**
   * Answers the user's message `item_id` again, with the text of `input` instead if that is given; everything after the
   * message is deleted. With `if_newest`, only if the user has not sent another one since: otherwise nothing is deleted,
   * and the stream brings what follows.
   */
  'threads.retry_after_item': ItemParams & RetryParams<UserMessageInput>;
  'threads.custom_action': ActionParams;
  /** An action that is answered with one item instead of a stream. */
  'threads.sync_custom_action': ActionParams;
  /** A conversation with its first page of items, oldest first. */
  'threads.get_by_id': ThreadParams;
  'threads.list': PageParams;
  'threads.update': { thread_id: string; title: string };
  'threads.delete': ThreadParams;
  'items.list': ThreadParams & PageParams;
  'items.feedback': { thread_id: string; item_ids: string[]; kind: 'positive' | 'negative' };
  'attachments.create': AttachmentCreateParams;
  'attachments.delete': { attachment_id: string };
  /** Speech to text. `mime_type` may have parameters, such as `audio/webm;codecs=opus`. */
  'input.transcribe': { audio_base64: string; mime_type: string };
  /** Stops a run, wherever it is. An extension of the protocol. */
  'runs.cancel': { run_id: string };
}

/** Extensions of `threads.retry_after_item`. */
interface RetryParams<Input> {
  input?: Input | undefined;
  if_newest?: boolean | undefined;
}

/** What a user sends. */
export type UserMessageInput = {
  content: UserMessageContent[];
  /** Ids of attachments created before. */
  attachments: string[];
  /** A passage of the conversation that the message refers to. */
  quoted_text?: string | undefined;
  inference_options: InferenceOptions;
};

/** An action of a widget, as the client reports it. */
export type Action = {
  type: string;
  /** Any JSON; values of form fields are merged into it. */
  payload?: unknown;
};

/** A file to be uploaded, as described by the client. */
export type AttachmentCreateParams = {
  /** The name of the file. */
  name: string;
  /** Bytes. */
  size: number;
  mime_type: string;
};

/** The requests that answer with a stream of events; all others answer with one JSON object. */
export type StreamingRequestType =
  | 'threads.create'
  | 'threads.add_user_message'
  | 'threads.add_client_tool_output'
  | 'threads.add_structured_input'
  | 'threads.retry_after_item'
  | 'threads.custom_action';

/** Whether a request answers with a stream of events. */
export const isStreamingRequest = (
  request: ChatKitRequest,
): request is Extract<ChatKitRequest, { type: StreamingRequestType }> =>
  /^threads\.(create|add_\w+|retry_after_item|custom_action)$/.test(request.type);

type Request<T extends keyof RequestParams> = {
  type: T;
  params: RequestParams[T];
  /** For your own use. The toolkit ignores it. */
  metadata: Record<string, unknown>;
};

type RequestInput<T extends keyof RequestParams> = {
  type: T;
  params: T extends keyof LenientParams ? LenientParams[T] : RequestParams[T];
  metadata?: Record<string, unknown> | undefined;
};

type ThreadParams = {
  thread_id: string;
};

type ItemParams = ThreadParams & {
  item_id: string;
};

type ActionParams = ThreadParams & {
  /** The item of the widget. */
  item_id?: string | undefined;
  action: Action;
};

type PageParams = {
  /** Default 20, also for 0. */
  limit?: number | undefined;
  /** Sorted by age; `asc` is oldest first. */
  order: 'asc' | 'desc';
  /** The cursor from the previous page. */
  after?: string | undefined;
};

/** `T` with the fields `K` optional, because they have defaults. */
type Lenient<T, K extends keyof T> = Omit<T, K> & { [P in K]?: T[P] | undefined };

/** The params of the requests that have fields with a default. */
interface LenientParams {
  'threads.create': { input: LenientMessage };
  'threads.add_user_message': { thread_id: string; input: LenientMessage };
  'threads.retry_after_item': ItemParams & RetryParams<LenientMessage>;
  'threads.add_structured_input': {
    thread_id: string;
    item_id: string;
    input: {
      status?: StructuredInputResult['status'] | undefined;
      answers?: Record<string, LenientAnswer> | undefined;
    };
  };
  'threads.list': Lenient<PageParams, 'order'>;
  'items.list': ThreadParams & Lenient<PageParams, 'order'>;
}

type LenientAnswer = Lenient<StructuredInputAnswer, 'values' | 'skipped'>;

type LenientMessage = Lenient<Omit<UserMessageInput, 'content'>, 'attachments' | 'inference_options'> & {
  content: (UserTextContent | Lenient<UserTagContent, 'data' | 'interactive'>)[];
};
