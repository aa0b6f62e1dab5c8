/**
 * Turns agent signals into ChatKit events: messages (by `message-writer.ts`), thoughts and hosted tools as tasks of a
 * workflow, images as items. Events go out through the context, in order with those of the tools.
 */
import type { ThreadItemUpdate } from '@chatkit/core';
import type { AgentSignal } from './agent-signal.ts';
import { createMessageWriter } from './message-writer.ts';
import type { ResponseContext } from './response-context.ts';
import type { ResponseStreamConverter } from './response-stream-converter.ts';
import { createToolSteps } from './tool-steps.ts';

/** A tool call that the model made, by its own ids. */
export interface ToolCall {
  readonly callId: string;
  readonly id: string | undefined;
  readonly name: string;
}

/** Writes the signals of one run. */
export interface EventWriter {
  /**
   * Writes one signal. Returns a promise only if it has to wait for a hook of the converter or for the store, so that
   * text costs none.
   */
  write(signal: AgentSignal): Promise<void> | undefined;
  /** The tool calls so far, oldest first. */
  readonly toolCalls: readonly ToolCall[];
}

/**
 * A writer for one run. `isTaken` says whether the thread already has an item with a provider's id; without it ids are
 * only unique within the run.
 */
export const createEventWriter = (
  context: ResponseContext,
  converter: ResponseStreamConverter,
  isTaken?: (id: string) => Promise<boolean>,
): EventWriter => {
  const messages = createMessageWriter(context, converter, isTaken);
  const steps = createToolSteps(context, converter);
  const images = new Map<string, { id: string; created_at: string }>();
  /** Images that are done; later signals for one are dropped. */
  const finishedImages = new Set<string>();
  const toolCalls: ToolCall[] = [];
  let thought: { workflow: string | undefined; task: number; index: number; text: string } | undefined;

  const update = (item_id: string, change: ThreadItemUpdate): void =>
    context.stream({ type: 'thread.item.updated', item_id, update: change });

  const openReasoning = (): void => {
    if (context.workflow === undefined) context.startWorkflow({ type: 'reasoning', tasks: [], expanded: false });
  };

  /**
   * The thought with this index, if it is still growing. If its workflow was ended by something else, the whole thought
   * goes into a new workflow.
   */
  const growing = (index: number) =>
    thought?.index === index && thought.workflow === context.workflow?.id ? thought : undefined;

  const thoughtDelta = (index: number, delta: string): void => {
    openReasoning();
    const known = growing(index);
    if (known !== undefined) {
      known.text += delta;
      context.updateWorkflowTask({ type: 'thought', status_indicator: 'none', content: known.text }, known.task);
    } else if (context.workflow?.workflow.type === 'reasoning' && context.workflow.workflow.tasks.length === 0) {
      // Only the first thought is streamed, as in the Python SDK: an update carries the whole task, so streaming each
      // would send a long chain of thought many times over.
      const task = context.addWorkflowTask({ type: 'thought', status_indicator: 'none', content: delta });
      thought = { workflow: context.workflow?.id, task, index, text: delta };
    }
  };

  const thoughtDone = (index: number, text: string | undefined): void => {
    openReasoning();
    const grown = growing(index);
    if (grown !== undefined) {
      const task = { type: 'thought', status_indicator: 'none', content: text ?? grown.text } as const;
      context.updateWorkflowTask(task, grown.task);
      thought = undefined;
    } else if (text !== undefined && text !== '') {
      context.addWorkflowTask({ type: 'thought', status_indicator: 'none', content: text });
    }
  };

  const startImage = (key: string): { id: string; created_at: string } => {
    const known = images.get(key);
    if (known !== undefined) return known;
    const created = { id: context.createId('message'), created_at: context.timestamp() };
    images.set(key, created);
    context.stream({
      type: 'thread.item.added',
      item: { type: 'generated_image', thread_id: context.thread.id, ...created },
    });
    return created;
  };

  const updateImage = async (key: string, base64: string, index: number): Promise<void> => {
    const { id } = startImage(key);
    const url = await converter.base64ImageToUrl(key, base64, index);
    const progress = converter.partialImageIndexToProgress(index);
    update(id, { type: 'generated_image.updated', image: { id: key, url }, progress });
  };

  const finishImage = async (key: string, link: string | Promise<string>): Promise<void> => {
    const { id } = startImage(key);
    const url = await link;
    const created_at = context.timestamp();
    images.delete(key);
    finishedImages.add(key);
    context.stream({
      type: 'thread.item.done',
      item: { type: 'generated_image', id, thread_id: context.thread.id, created_at, image: { id: key, url } },
    });
  };

  const write = (signal: AgentSignal): Promise<void> | undefined => {
    switch (signal.kind) {
      case 'text.delta':
        messages.grow(signal.key, signal.index, signal.delta);
        return;
      case 'message.started':
        return messages.start(signal.key, signal.id);
      case 'part.started':
        messages.startPart(signal.key, signal.index, signal.text ?? '');
        return;
      case 'part.done':
        messages.finishPart(signal.key, signal.index, signal.text);
        return;
      case 'citation':
        return messages.cite(signal.key, signal.index, signal.citation);
      case 'message.done':
        return messages.finish(signal.key, signal.parts);
      case 'response.done':
        steps.endResponse();
        return messages.finishResponse(signal.messages);
      case 'reasoning.started':
        openReasoning();
        return;
      case 'thought.delta':
        thoughtDelta(signal.index, signal.delta);
        return;
      case 'thought.done':
        thoughtDone(signal.index, signal.text);
        return;
      case 'image.started':
        finishedImages.delete(signal.key);
        startImage(signal.key);
        return;
      case 'image.partial':
        return finishedImages.has(signal.key) ? undefined : updateImage(signal.key, signal.base64, signal.index);
      case 'image.done':
        return finishedImages.has(signal.key)
          ? undefined
          : finishImage(signal.key, converter.base64ImageToUrl(signal.key, signal.base64));
      case 'image.linked':
        return finishImage(signal.key, signal.url);
      case 'hosted.began':
        steps.begin(signal.key, signal.call);
        return;
      case 'hosted.ended':
        steps.end(signal.key, signal.call);
        return;
      case 'tool.called':
        toolCalls.push({ callId: signal.callId, id: signal.id, name: signal.name });
        return;
    }
  };

  return { write, toolCalls };
};
