/**
 * The bridge from the OpenAI Agents SDK: converts a streamed run to ChatKit events. The run is read eagerly into a
 * queue of our own, because the SDK discards unread events when a model fails. The tools' own events join the same
 * queue, so the order on the screen is the order in which things happened.
 */
import {
  type ClientToolCallItem,
  isChatKitError,
  isCustomStreamError,
  isStreamError,
  type ThreadItem,
  type ThreadStreamEvent,
} from '@chatkit/core';
import { abortable, pipe } from '@chatkit/stream';
import type { AgentContext } from './agent-context.ts';
import { type AgentRun, type AgentRunEvent, field, textField } from './agent-run.ts';
import type { SignalReader } from './agent-signal.ts';
import { requestApproval } from './approvals.ts';
import { checkSource } from './check-source.ts';
import { createEventQueue } from './event-queue.ts';
import { createEventWriter, type ToolCall } from './event-writer.ts';
import { createGenericReader } from './generic-reader.ts';
import { ResponseStreamConverter } from './response-stream-converter.ts';
import { readResponsesEvent } from './responses-reader.ts';

/** The options of {@link streamAgentResponse}. */
export interface StreamAgentResponseOptions {
  /** How images, citations and approvals are shown. Default: `new ResponseStreamConverter()`. */
  converter?: ResponseStreamConverter | undefined;
  /** How many events may wait for a slow reader before the run and streaming widgets are held back. Default 10,000. */
  capacity?: number | undefined;
}

/**
 * Streams a run of the OpenAI Agents SDK as ChatKit events, with any model: Responses models are read by their own
 * events, all others by text deltas and finished responses.
 *
 * Closing the iterator closes the run, which aborts the model if the run was given the context's signal. A run that
 * fails delivers everything before the failure, then throws its error. A guardrail that trips removes what this run has
 * shown (`thread.item.removed`), then throws. The workflow of an earlier turn that the run continues is never removed:
 * a guardrail, or an error while it is open, puts it back as it was (`thread.item.replaced`). A refusal is an answer,
 * not an error. Pending approvals become one `structured_input` item.
 *
 * @example
 * const server = createChatKitServer<User>({
 *   store,
 *   async *respond(thread, input, user, run) {
 *     const context = new AgentContext({ thread, store, requestContext: user, signal: run.signal });
 *     const result = await runAgent(agent, await toInput(thread, input), {
 *       stream: true, context, signal: run.signal,
 *     });
 *     yield* streamAgentResponse(context, result);
 *   },
 * });
 */
export async function* streamAgentResponse<Context>(
  context: AgentContext<Context>,
  run: AgentRun,
  options: StreamAgentResponseOptions = {},
): AsyncGenerator<ThreadStreamEvent, void, undefined> {
  checkSource('streamAgentResponse', run, 'A run is one with `run(agent, input, { stream: true })`.');
  const { capacity = 10_000, converter = new ResponseStreamConverter() } = options;
  const queue = createEventQueue(capacity);
  const detach = context.attach(queue);
  const stop = new AbortController();
  const shown = new Set<string>();
  let tripped = false;

  const pump = async (): Promise<void> => {
    try {
      await resumeWorkflow(context);
      const writer = createEventWriter(context, converter, (id) => isTaken(context, id));
      const read = createRunReader();
      for await (const event of pipe(run, abortable(stop.signal))) {
        for (const signal of read(event)) {
          const converted = writer.write(signal);
          if (converted !== undefined) await converted;
        }
        const room = queue.ready();
        if (room !== undefined) await room;
      }
      if (!run.cancelled) await finish(context, run, writer.toolCalls, converter);
      queue.end();
    } catch (thrown) {
      if (isRefusal(thrown)) return queue.end();
      tripped = isGuardrailTripwire(thrown);
      queue.fail(forTheUser(thrown));
    }
  };

  const pumping = pump();
  try {
    for await (const event of queue.events) {
      queue.took();
      if (tripped) continue;
      if (event.type === 'thread.item.added' || event.type === 'thread.item.done') shown.add(event.item.id);
      yield event;
    }
  } catch (error) {
    const { workflow, resumed } = context;
    for (const item_id of shown) {
      if (item_id !== resumed?.id) {
        if (tripped) yield { type: 'thread.item.removed', item_id };
        // Put back before the error, behind which a page may read no further.
      } else if (tripped || workflow?.id === item_id) yield { type: 'thread.item.replaced', item: resumed };
    }
    throw error;
  } finally {
    stop.abort();
    queue.close();
    detach();
    await pumping;
  }
}

/**
 * Picks the reader by what arrives. With a Responses model each text delta arrives twice, once in the SDK's own form;
 * only the richer form is read.
 */
const createRunReader = (): ((event: AgentRunEvent) => ReturnType<SignalReader>) => {
  const readGeneric = createGenericReader();
  let responses = false;
  return (event) => {
    if (event.type !== 'raw_model_stream_event') return [];
    const { data } = event;
    const type = textField(data, 'type');
    if (type === 'model') {
      const source = field(data, 'event');
      responses ||= textField(source, 'type')?.startsWith('response.') === true;
      return responses ? readResponsesEvent(source) : readGeneric(data);
    }
    // Responses models begin each response with one of their own events, so the reader is known before the first delta.
    if (type === 'response_started') responses = false;
    return responses ? [] : readGeneric(data);
  };
};

/** Continues the workflow that the last turn left open, so that a client tool call does not cut it in two. */
const resumeWorkflow = async <Context>(context: AgentContext<Context>): Promise<void> => {
  if (context.workflow !== undefined) return;
  const page = { limit: 2, order: 'desc' } as const;
  const { data } = await context.store.listItems(context.thread.id, page, context.requestContext);
  const [last, before] = data as [ThreadItem?, ThreadItem?];
  const candidate = last?.type === 'client_tool_call' ? before : last;
  if (candidate?.type === 'workflow') context.resumeWorkflow(candidate);
};

/**
 * Whether the thread has an item with this id. OpenAI's ids are unique, but other servers of the Responses API count
 * from one in each response, so that the second answer would overwrite the first in the store.
 */
const isTaken = async <Context>(
  { store, thread, requestContext }: AgentContext<Context>,
  id: string,
): Promise<boolean> => {
  try {
    await store.loadItem(thread.id, id, requestContext);
    return true;
  } catch (error) {
    if (isChatKitError(error, 'item.not_found')) return false;
    throw error;
  }
};

const finish = async <Context>(
  context: AgentContext<Context>,
  run: AgentRun,
  toolCalls: readonly ToolCall[],
  converter: ResponseStreamConverter,
): Promise<void> => {
  const calls = context.takeClientToolCalls();
  const waits = calls.length > 0 || (run.interruptions?.length ?? 0) > 0;
  if (waits) context.saveWorkflow();
  else context.endWorkflow();
  const left = [...toolCalls];
  for (const call of calls) {
    const at = left.findLastIndex((each) =>
      call.callId === undefined ? each.name === call.name : each.callId === call.callId,
    );
    const [match] = at === -1 ? [] : left.splice(at, 1);
    const id = match?.id !== undefined && !(await isTaken(context, match.id)) ? match.id : undefined;
    const item: ClientToolCallItem = {
      type: 'client_tool_call',
      id: id ?? context.createId('tool_call'),
      thread_id: context.thread.id,
      created_at: context.timestamp(),
      status: 'pending',
      call_id: call.callId ?? match?.callId ?? context.createId('tool_call'),
      name: call.name,
      arguments: call.arguments,
    };
    context.stream({ type: 'thread.item.done', item });
  }
  if (run.interruptions !== undefined && run.interruptions.length > 0) requestApproval(context, run, converter);
};

/** A refusal's text has already been streamed as the answer; the SDK's error adds nothing for the user. */
const isRefusal = (error: unknown): boolean => error instanceof Error && error.constructor.name === 'ModelRefusalError';

/**
 * Unwraps an error that a tool threw for the user to read: the SDK wraps it in a `ToolCallError`, and the server looks
 * for the bare one.
 */
const forTheUser = (error: unknown): unknown => {
  const inner = field(error, 'error');
  return error instanceof Error && (isCustomStreamError(inner) || isStreamError(inner)) ? inner : error;
};

/**
 * Recognises input, output and both tool guardrails by their class names, so that a second installed copy of the SDK
 * works. Those of tools are wrapped in a `ToolCallError`.
 */
const isGuardrailTripwire = (error: unknown): boolean =>
  error instanceof Error &&
  (/GuardrailTripwireTriggered$/.test(error.constructor.name) ||
    (error.constructor.name === 'ToolCallError' && isGuardrailTripwire(field(error, 'error'))));
