/**
 * Finds the outputs of client tools that are new. A client sends them with the whole history, so the server's items
 * decide: an output is new if its call is still pending. Parallel calls get their outputs one by one, each by its item,
 * and the server continues after the last.
 */
import type { ChatKitRequestInput, ClientToolCallItem, Page, ThreadItem } from '@chatkit/core';
import { askServer, type Caller, type ChatKitHandler } from './chat-kit-handler.ts';

/** The output of one call. */
export interface ToolOutput {
  /** The model's id of the call. */
  readonly callId: unknown;
  readonly result: unknown;
  /** The client's id of the output, the same each time it is sent. */
  readonly id: string | undefined;
}

/** An output, and the request that sends it. */
export interface OutputRequest {
  readonly output: ToolOutput;
  readonly request: ChatKitRequestInput;
}

/**
 * The requests that send the new outputs; the last of them gets the answer. If nothing is new, the request is a repeat,
 * and the last output is sent again.
 */
export const outputRequests = async <Context>(
  server: ChatKitHandler<Context>,
  thread_id: string,
  outputs: readonly ToolOutput[],
  context: Context,
  caller: Caller,
): Promise<readonly OutputRequest[]> => {
  const params = { thread_id, limit: 100, order: 'desc' } as const;
  const page = await askServer<Page<ThreadItem>, Context>(server, { type: 'items.list', params }, context, caller);
  const pending = pendingCalls(page.data);
  const toRequest = (output: ToolOutput, item_id?: string): OutputRequest => ({
    output,
    request: { type: 'threads.add_client_tool_output', params: { thread_id, item_id, result: output.result as never } },
  });
  const fresh = pending.flatMap(({ id, call_id }) => {
    // Some models restart the numbering of their calls in each answer: the newest output is meant.
    const output = outputs.findLast(({ callId }) => callId === call_id);
    return output === undefined ? [] : [toRequest(output, id)];
  });
  return fresh.length > 0 ? fresh : outputs.slice(-1).map((output) => toRequest(output));
};

/** The pending calls since the user's last message, oldest first. */
const pendingCalls = (newestFirst: readonly ThreadItem[]): readonly ClientToolCallItem[] => {
  const message = newestFirst.findIndex(({ type }) => type === 'user_message');
  return (message === -1 ? newestFirst : newestFirst.slice(0, message))
    .filter((item) => item.type === 'client_tool_call')
    .filter(({ status }) => status === 'pending')
    .toReversed();
};
