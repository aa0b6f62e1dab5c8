/**
 * Finds the outputs of client tools, and the answers to questions, that are new. A client sends them with the whole
 * history, so the server's items decide: an output is new if its call is still pending. Parallel calls get their
 * outputs one by one, each by its item, and the server continues after the last.
 */
import type { ChatKitRequestInput } from '@chatkit/core';
import type { Caller, ChatKitHandler } from './chat-kit-handler.ts';
import { callOf, isCall, outputRequest } from './client-call.ts';
import { itemsSinceMessage } from './item-pages.ts';

/** The output of one call. */
export interface ToolOutput {
  /** The model's id of the call. */
  readonly callId: string | undefined;
  readonly result: unknown;
  /**
   * What the client calls the output, the same each time it is sent. In parts, because all outputs of a history share
   * long ones, and few are new.
   */
  readonly id: readonly unknown[] | undefined;
}

/** The id of a call, as far as what a client has sent is one. */
export const callIdOf = (sent: unknown): string | undefined => (typeof sent === 'string' ? sent : undefined);

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
  const calls = (await itemsSinceMessage(server, thread_id, context, caller)).filter(isCall);
  const fresh = calls.flatMap((item) => {
    const call = callOf(item);
    // Some models restart the numbering of their calls in each answer: the newest output is meant.
    const output = call.isPending ? outputs.findLast(({ callId }) => callId === call.id) : undefined;
    return output === undefined ? [] : [{ output, request: outputRequest(item, output.result) }];
  });
  if (fresh.length > 0) return fresh;
  return outputs.slice(-1).map((output) => {
    const known = calls.findLast((item) => item.type === 'structured_input' && item.id === output.callId);
    const params = { thread_id, result: output.result as never };
    const request = { type: 'threads.add_client_tool_output', params } as const;
    return { output, request: known === undefined ? request : outputRequest(known, output.result) };
  });
};
