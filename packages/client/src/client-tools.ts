/**
 * Tools that run in the page. The assistant calls one with a finished `client_tool_call` item. When its stream has
 * ended, the handler runs and its result is sent back, which starts the next run of the same turn.
 */
import {
  type ChatKitRequestInput,
  type ClientToolCallItem,
  reduceThread,
  selectItems,
  type ThreadState,
} from '@chatkit/core';
import type { Clock } from './ports.ts';
import { within } from './within.ts';

/** A tool call, as passed to its handler. */
export interface ClientToolCall {
  readonly name: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly callId: string;
  readonly itemId: string;
  readonly threadId: string;
  /** Aborts when the turn is stopped or the tool takes too long. */
  readonly signal: AbortSignal;
}

/**
 * Runs a tool. Its result must be JSON; an error that it throws, also for a result that is none, reaches the assistant
 * as `{error: message}`.
 */
export type ClientToolHandler = (call: ClientToolCall) => unknown;

/** A call with its result. */
export interface ToolOutput {
  readonly call: ClientToolCallItem;
  readonly result: unknown;
}

/** The calls since the user's last message that still need an output, oldest first. */
export const pendingToolCalls = (thread: ThreadState): readonly ClientToolCallItem[] => {
  const items = selectItems(thread);
  const message = items.findLastIndex((item) => item.type === 'user_message');
  return items
    .slice(message + 1)
    .filter((item) => item.type === 'client_tool_call')
    .filter((item) => item.status === 'pending');
};

/**
 * The outputs of calls as long as these are pending: a tool does not run again because its output could not be sent.
 */
const outputs = new WeakMap<ClientToolCallItem, ToolOutput>();

/** Runs the tools concurrently. Never rejects. */
export const runTools = (
  calls: readonly ClientToolCallItem[],
  handler: ClientToolHandler,
  { signal, timeoutMs, clock }: { signal: AbortSignal; timeoutMs: number; clock: Clock },
): Promise<ToolOutput[]> =>
  Promise.all(
    calls.map(async (call) => {
      const known = outputs.get(call);
      if (known !== undefined) return known;
      const run = async (called: AbortSignal) =>
        asSent(
          await handler({
            name: call.name,
            arguments: call.arguments,
            callId: call.call_id,
            itemId: call.id,
            threadId: call.thread_id,
            signal: called,
          }),
        );
      const late = () => new Error(`The tool ${call.name} took longer than ${timeoutMs} ms.`);
      const result = await within(run, { ms: timeoutMs, clock, late, signal }).catch((error: unknown) => ({
        error: error instanceof Error ? error.message : String(error),
      }));
      const output = { call, result };
      if (!signal.aborted) outputs.set(call, output);
      return output;
    }),
  );

/** A result as the server will have it: a date as text, a function as nothing. Throws for one that JSON cannot hold. */
const asSent = (result: unknown): unknown => JSON.parse(JSON.stringify(result) ?? 'null');

/** The request that sends a result. Only our servers know `item_id`; others assume the newest call. */
export const outputRequest = ({ call, result }: ToolOutput, namesCall: boolean): ChatKitRequestInput => ({
  type: 'threads.add_client_tool_output',
  params: {
    thread_id: call.thread_id,
    // The cast avoids the schema's recursive JSON type.
    result: result as null,
    item_id: namesCall ? call.id : undefined,
  },
});

/**
 * The thread with a call completed. The Python SDK's server sends no event for that, and drops other pending calls
 * without one.
 */
export const completeCall = (thread: ThreadState, { call, result }: ToolOutput, namesCall: boolean): ThreadState => {
  const item: ClientToolCallItem = { ...call, status: 'completed', output: result as null };
  const completed = reduceThread(thread, { type: 'thread.item.replaced', item });
  if (namesCall) return completed;
  return pendingToolCalls(completed).reduce(
    (next, { id }) => reduceThread(next, { type: 'thread.item.removed', item_id: id }),
    completed,
  );
};
