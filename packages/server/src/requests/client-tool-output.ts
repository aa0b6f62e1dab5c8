/**
 * `threads.add_client_tool_output`: the page ran a tool and sends its output. The Python SDK's request names no call:
 * the output belongs to the newest pending one, and other pending calls are removed. Unlike there, a call is found even
 * if hidden or other items follow it, and the completed call is sent to clients, so that none has to guess. With
 * `item_id` (an extension) calls run in parallel: each keeps its own output, and `respond()` continues once all have
 * one.
 */
import { ChatKitError, type ChatKitRequestOf, type ClientToolCallItem, type ThreadStreamEvent } from '@chatkit/core';
import type { ServerParts } from '../server-parts.ts';
import { prepareGoOnAgain, saysTheSame } from './go-on-again.ts';
import type { Destination } from './prepare-turn.ts';
import { about, loadItemOf, respondAfter, stream, type Turn } from './turn.ts';

export const prepareAddClientToolOutput = async <Context>(
  parts: ServerParts<Context>,
  to: Destination,
  { thread_id, item_id, result }: ChatKitRequestOf<'threads.add_client_tool_output'>['params'],
  context: Context,
): Promise<Turn> => {
  const stored = await parts.store.loadThread(thread_id, context);
  const calls = await callsSinceMessage(parts, thread_id, context);
  const pending = calls.filter(({ status }) => status === 'pending');
  const call =
    item_id === undefined
      ? (pending[0] ?? calls[0])
      : await loadItemOf(parts, thread_id, item_id, 'client_tool_call', context);
  if (call?.status !== 'pending') {
    if (to.isRepeat && call !== undefined && saysTheSame(call.output ?? null, result))
      return prepareGoOnAgain(parts, stored, call, to, context);
    throw new ChatKitError('item.not_pending', 'No such client tool call is waiting for its output.', {
      details: { path: item_id === undefined ? 'params.thread_id' : 'params.item_id' },
    });
  }
  const others = pending.filter(({ id }) => id !== call.id);
  const completed: ThreadStreamEvent = {
    type: 'thread.item.replaced',
    item: { ...call, status: 'completed', output: result },
  };
  if (item_id !== undefined && others.length > 0) {
    return about(parts, call, context, (run) =>
      stream(parts, stored, context, run, async function* () {
        yield completed;
      }),
    );
  }
  const takenBack = others.map(({ id }): ThreadStreamEvent => ({ type: 'thread.item.removed', item_id: id }));
  return about(parts, call, context, (run) => respondAfter(parts, stored, context, run, [completed, ...takenBack]));
};

/** The calls since the user's last message, newest first. */
const callsSinceMessage = async <Context>(
  parts: ServerParts<Context>,
  threadId: string,
  context: Context,
): Promise<ClientToolCallItem[]> => {
  const { data } = await parts.store.listItems(threadId, { limit: 100, order: 'desc' }, context);
  const message = data.findIndex((item) => item.type === 'user_message');
  return (message === -1 ? data : data.slice(0, message)).filter(
    (item): item is ClientToolCallItem => item.type === 'client_tool_call',
  );
};
