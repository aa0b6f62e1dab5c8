/** The streaming requests, each to the function that prepares its turn. */
import type { ChatKitRequest, StreamingRequestType } from '@chatkit/core';
import type { ServerParts } from '../server-parts.ts';
import { prepareAddClientToolOutput } from './client-tool-output.ts';
import { prepareCustomAction } from './custom-action.ts';
import { prepareAddStructuredInput } from './structured-input.ts';
import type { Turn } from './turn.ts';
import { prepareAddUserMessage, prepareCreate, prepareRetryAfterItem } from './user-message.ts';

export type StreamingRequest = Extract<ChatKitRequest, { type: StreamingRequestType }>;

/** Where a request is going. */
export interface Destination {
  readonly threadId: string;
  /** The run's id, if the client chose it and so may send the request again. */
  readonly runId: string | undefined;
  /** Of a thread to be made: whether it has a name (`thread-name.ts`), by which it may be there already. */
  readonly isNamed: boolean;
  /** Whether the client says that it has sent the request before. */
  readonly isRepeat: boolean;
  /** Of a repeat: whether the run that it had is known to have come to its own end. */
  readonly hasAnswer: boolean;
}

/** Makes the checks of a request and returns its turn. Writes nothing. */
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
      return prepareAddClientToolOutput(parts, to, request.params, context);
    case 'threads.add_structured_input':
      return prepareAddStructuredInput(parts, to, request.params, context);
    case 'threads.custom_action':
      return prepareCustomAction(parts, request.params, context);
  }
};
