/** Requests: what a client asks of the one endpoint. Types only, inferred from `@chatkit/core/schema`. */
import type * as z from 'zod';
import type * as request from './schema/request.ts';

/** Any request after parsing: defaults are filled in. */
export type ChatKitRequest = z.output<typeof request.chatKitRequestSchema>;
/** Any request as a client may write it: fields with a default can be left out. */
export type ChatKitRequestInput = z.input<typeof request.chatKitRequestSchema>;
/** The request of one type: `ChatKitRequestOf<'threads.create'>`. */
export type ChatKitRequestOf<T extends ChatKitRequest['type']> = Extract<ChatKitRequest, { type: T }>;

export type UserMessageInput = z.output<typeof request.userMessageInputSchema>;
/** An action of a widget, as the client reports it. */
export type Action = z.output<typeof request.actionSchema>;
export type AttachmentCreateParams = z.output<typeof request.attachmentCreateParamsSchema>;

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
