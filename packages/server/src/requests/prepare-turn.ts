/** Dispatches the requests that are answered with a stream, each to the function that prepares its turn. */
import type { ChatKitRequest, StreamingRequestType } from '@chatkit/core';
import type { ServerParts } from '../server-parts.ts';
import { prepareAddClientToolOutput } from './client-tool-output.ts';
import { prepareCustomAction } from './custom-action.ts';
import { prepareAddStructuredInput } from './structured-input.ts';
import { orNothing, type Turn } from './turn.ts';
import { prepareAddUserMessage, prepareCreate, prepareRetryAfterItem } from './user-message.ts';

export type StreamingRequest = Extract<ChatKitRequest, { type: StreamingRequestType }>;

/** The thread and run that a request is for, and what is known about earlier attempts. */
export interface Destination {
  readonly threadId: string;
  /** The run's id, if the client chose it; such a client may send the request again. */
  readonly runId: string | undefined;
  /** Whether the client says that it has sent the request before. */
  readonly isRepeat: boolean;
  /** For a repeat: whether its first run is known to have completed. */
  readonly hasAnswer: boolean;
}

/** Checks a request and returns its turn. Writes nothing. */
export const prepareTurn = <Context>(
  parts: ServerParts<Context>,
  request: StreamingRequest,
  to: Destination,
  context: Context,
): Promise<Turn> => {
  switch (request.type) {
    case 'threads.create':
      return prepareCreate(parts, to, request.params, context);
    case 'threads.add_user_message':
      return prepareAddUserMessage(parts, to, request.params, context);
    case 'threads.retry_after_item':
      return prepareRetryAfterItem(parts, request.params, context);
    case 'threads.add_client_tool_output':
      return prepareAddClientToolOutput(parts, to, request.params, context).then(orNothing);
    case 'threads.add_structured_input':
      return prepareAddStructuredInput(parts, to, request.params, context).then(orNothing);
    case 'threads.custom_action':
      return prepareCustomAction(parts, request.params, context).then(orNothing);
  }
};
