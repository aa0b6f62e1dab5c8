/**
 * Converts a stream of the AI SDK to ChatKit events: text to messages, reasoning and tool calls to workflows above
 * them, sources to annotations, images to items.
 */
import { type ClientToolCallItem, clientToolCall, type ThreadStreamEvent } from '@chatkit/core';
import { textField } from '../agent-run.ts';
import type { AgentSignal, RawCitation } from '../agent-signal.ts';
import { type AiPart, readAiPart } from '../ai-part.ts';
import { checkSource, unreadable } from '../check-source.ts';
import { createEventWriter } from '../event-writer.ts';
import { ResponseContext, type ResponseContextOptions } from '../response-context.ts';
import { ResponseStreamConverter } from '../response-stream-converter.ts';

/** The options of {@link streamAiResponse}. */
export interface StreamAiResponseOptions extends Omit<ResponseContextOptions, 'thread'> {
  /** How a tool call is shown while it runs. Default: its name. `undefined` hides it. */
  describeTool?: ((name: string, input: unknown) => { title: string; icon?: string } | undefined) | undefined;
}

/**
 * Streams `streamText().fullStream`, or a UI message stream, as ChatKit events. An `error` part is thrown after
 * everything before it has been yielded; an `abort` part ends the stream. Closing the iterator closes the source; pass
 * the run's signal to `streamText` as `abortSignal`, so that this stops the model. A call of a tool without `execute`
 * becomes a `client_tool_call`, which the page answers.
 *
 * @example
 * const result = streamText({ model, messages: toModelMessages(items), abortSignal: run.signal });
 * yield* streamAiResponse(thread, result.fullStream);
 */
export async function* streamAiResponse(
  thread: ResponseContextOptions['thread'],
  source: AsyncIterable<object> | ReadableStream<object>,
  options: StreamAiResponseOptions = {},
): AsyncGenerator<ThreadStreamEvent, void, undefined> {
  checkSource('streamAiResponse', source, 'Give it `result.fullStream`.');
  const context = new ResponseContext({ ...options, thread });
  const turn = createTurn(context, options.describeTool ?? ((title) => ({ title })));
  const ready: ThreadStreamEvent[] = [];
  context.attach({ push: (event) => ready.push(event), ready: () => undefined });

  let isSilent = true;
  let unknown: unknown;
  for await (const chunk of source) {
    const part = readAiPart(chunk);
    if (part === undefined) {
      if (textField(chunk, 'type') === undefined) unknown ??= chunk;
      continue;
    }
    isSilent = false;
    if (part.kind === 'failed') {
      yield* ready.splice(0);
      throw part.error;
    }
    if (part.kind === 'aborted') {
      turn.abandonTools();
      yield* ready.splice(0);
      return;
    }
    const written = turn.write(part);
    if (written !== undefined) await written;
    // No `yield*` here: this loop runs once per token.
    for (const event of ready) yield event;
    ready.length = 0;
  }
  if (isSilent && unknown !== undefined) {
    const cure = 'Give it `result.fullStream`; a stream of text goes into streamTextResponse().';
    throw unreadable('streamAiResponse', unknown, cure);
  }
  await turn.end();
  yield* ready.splice(0);
}

/**
 * The state of the turn: the open message with its blocks, the tasks of tool calls, and sources that came before their
 * text.
 */
const createTurn = (context: ResponseContext, describeTool: NonNullable<StreamAiResponseOptions['describeTool']>) => {
  const writer = createEventWriter(context, new ResponseStreamConverter());
  const tasks = new Map<string, { index: number; workflow: string; title: string; icon?: string }>();
  const blocks = new Map<string, number>();
  let messages = 0;
  let images = 0;
  let open: string | undefined;
  let early: RawCitation[] = [];
  let length = 0;
  const thoughts = new Map<string, { index: number; text: string }>();
  /** Calls without a result. */
  const unanswered = new Map<string, { name: string; input: unknown }>();
  /** Calls whose step has ended without a result: they are for the page to run. */
  const ofThePage: ClientToolCallItem[] = [];

  const write = async (signal: AgentSignal): Promise<void> => writer.write(signal);

  const closeMessage = async (): Promise<void> => {
    if (open === undefined) return;
    const key = open;
    open = undefined;
    blocks.clear();
    length = 0;
    await write({ kind: 'message.done', key });
  };

  /** Returns a promise only if there are early sources, so that text costs none. */
  const text = (block: string, delta: string): Promise<void> | undefined => {
    if (delta === '') return undefined;
    if (open === undefined) abandonTools();
    open ??= `message ${messages++}`;
    const key = open;
    let index = blocks.get(block);
    if (index === undefined) {
      index = blocks.size;
      blocks.set(block, index);
    }
    length += delta.length;
    writer.write({ kind: 'text.delta', key, index, delta });
    return early.length === 0 ? undefined : citeEarly(key);
  };

  const citeEarly = async (key: string): Promise<void> => {
    for (const citation of early.splice(0)) await write({ kind: 'citation', key, index: 0, citation });
  };

  const cite = async (citation: RawCitation): Promise<void> => {
    // A source that is named before the text applies to all of it and has no position.
    if (open === undefined) early.push(citation);
    else {
      const placed = { ...citation, index: length, end_index: length };
      await write({ kind: 'citation', key: open, index: Math.max(0, blocks.size - 1), citation: placed });
    }
  };

  const callTool = async (callId: string, name: string, input: unknown): Promise<void> => {
    const described = describeTool(name, input);
    if (described === undefined) return;
    await closeMessage();
    const index = context.addWorkflowTask({ type: 'custom', status_indicator: 'loading', ...described });
    tasks.set(callId, { index, workflow: context.workflow?.id ?? '', ...described });
  };

  const toolDone = (callId: string, failed: boolean): void => {
    const task = tasks.get(callId);
    tasks.delete(callId);
    // The workflow may be over, because the model began to write while the tool was still running.
    if (task === undefined || context.workflow?.id !== task.workflow) return;
    const { index, title, icon } = task;
    const status_indicator = failed ? 'none' : 'complete';
    context.updateWorkflowTask(
      { type: 'custom', status_indicator, title, ...(icon === undefined ? {} : { icon }) },
      index,
    );
  };

  /**
   * Ends the tasks of tools that are still running when their workflow ends: they cannot be updated later, and no task
   * may stay `loading`.
   */
  const abandonTools = (): void => {
    for (const callId of [...tasks.keys()]) toolDone(callId, true);
  };

  const leaveToThePage = (): void => {
    for (const [call_id, { name, input }] of unanswered) {
      const args = typeof input === 'object' && input !== null ? { ...input } : {};
      ofThePage.push(
        clientToolCall({
          thread_id: context.thread.id,
          id: context.createId('tool_call'),
          created_at: context.timestamp(),
          call_id,
          name,
          arguments: args,
        }),
      );
    }
    unanswered.clear();
  };

  const writeOther = async (part: Exclude<AiPart, { kind: 'text' }>): Promise<void> => {
    switch (part.kind) {
      case 'thought': {
        await closeMessage();
        const thought = thoughts.get(part.block) ?? { index: thoughts.size, text: '' };
        thought.text += part.delta;
        thoughts.set(part.block, thought);
        return write({ kind: 'thought.delta', index: thought.index, delta: part.delta });
      }
      case 'thought.done': {
        const thought = thoughts.get(part.block);
        if (thought === undefined) return;
        return write({ kind: 'thought.done', ...thought });
      }
      case 'tool.called':
        if (!part.hosted) unanswered.set(part.callId, part);
        return callTool(part.callId, part.name, part.input);
      case 'tool.held':
        unanswered.delete(part.callId);
        return;
      case 'tool.done':
        unanswered.delete(part.callId);
        return toolDone(part.callId, part.failed);
      case 'source':
        return cite({ type: 'url_citation', url: part.url, title: part.title });
      case 'document':
        return cite({ type: 'file_citation', filename: part.filename, title: part.title });
      case 'image': {
        await closeMessage();
        abandonTools();
        const id = context.createId('message');
        const image = { id: `image_${images++}`, url: part.url };
        const created_at = context.timestamp();
        const thread_id = context.thread.id;
        context.stream({
          type: 'thread.item.done',
          item: { type: 'generated_image', id, thread_id, created_at, image },
        });
        return;
      }
      case 'step.done':
        thoughts.clear();
        leaveToThePage();
        return closeMessage();
    }
  };

  return {
    write: (part: AiPart): Promise<void> | undefined =>
      part.kind === 'text' ? text(part.block, part.delta) : writeOther(part),
    abandonTools,
    async end(): Promise<void> {
      await closeMessage();
      abandonTools();
      context.endWorkflow();
      early = [];
      for (const item of ofThePage) context.stream({ type: 'thread.item.done', item });
    },
  };
};
