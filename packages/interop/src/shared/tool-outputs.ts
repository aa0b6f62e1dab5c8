/**
 * The outputs of tools that the client ran. A client sends them with all that it has said before, so what is new is for
 * the server to say: an output is new where its call is still pending. Calls side by side are answered one by one, each
 * by its own item, and the server goes on behind the last.
 */
import type { ChatKitRequestInput, ClientToolCallItem, Page, ThreadItem } from '@chatkit/core';
import { askServer, type Caller, type ChatKitHandler } from './chat-kit-handler.ts';

/** What one call gave. */
export interface ToolOutput {
  /** The model's id of the call. */
  readonly callId: unknown;
  readonly result: unknown;
  /** What the client calls it: the same each time that it sends it. */
  readonly id: string | undefined;
}

/** An output, and the request that hands it over. */
export interface OutputRequest {
  readonly output: ToolOutput;
  readonly request: ChatKitRequestInput;
}

/**
 * The requests that hand over what is new; the last output when nothing is, for then it comes twice. The last one is
 * answered.
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
    // Models number their calls anew in each answer, some of them: the newest is meant.
    const output = outputs.findLast(({ callId }) => callId === call_id);
    return output === undefined ? [] : [toRequest(output, id)];
  });
  return fresh.length > 0 ? fresh : outputs.slice(-1).map((output) => toRequest(output));
};

/** The calls since the user's last message that wait, oldest first. */
const pendingCalls = (newestFirst: readonly ThreadItem[]): readonly ClientToolCallItem[] => {
  const message = newestFirst.findIndex(({ type }) => type === 'user_message');
  return (message === -1 ? newestFirst : newestFirst.slice(0, message))
    .filter((item) => item.type === 'client_tool_call')
    .filter(({ status }) => status === 'pending')
    .toReversed();
};
