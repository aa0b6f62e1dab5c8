/**
 * Turns signals into ChatKit events. It decides ids, keeps what has been streamed of each message, and knows when a
 * reasoning workflow opens and closes. Events leave through the context, in order with those of the tools.
 */
import type { Annotation, AssistantMessageContent, ThreadItemUpdate } from '@chatkit/core';
import type { AgentSignal, RawCitation, RawPart } from './agent-signal.ts';
import type { ResponseContext } from './response-context.ts';
import type { ResponseStreamConverter } from './response-stream-converter.ts';

/** A tool call that the model made, by its own ids. */
export interface ToolCall {
  readonly callId: string;
  readonly id: string | undefined;
  readonly name: string;
}

/** Writes the signals of one run. */
export interface EventWriter {
  /** Writes one signal. Returns a promise only where a hook of the converter or the store was asked, so that text costs none. */
  write(signal: AgentSignal): Promise<void> | undefined;
  /** The tool calls so far, oldest first. */
  readonly toolCalls: readonly ToolCall[];
}

interface OpenMessage {
  readonly id: string;
  readonly parts: { text: string; annotations: Annotation[] }[];
}

/**
 * A writer for one run. `isTaken` tells whether the thread has an item under a provider's id already; without it ids are
 * unique within the run alone.
 */
export const createEventWriter = (
  context: ResponseContext,
  converter: ResponseStreamConverter,
  isTaken?: (id: string) => Promise<boolean>,
): EventWriter => {
  const messages = new Map<string, OpenMessage>();
  const images = new Map<string, { id: string; created_at: string }>();
  const used = new Set<string>();
  const toolCalls: ToolCall[] = [];
  let thought: { task: number; index: number; text: string } | undefined;

  const update = (item_id: string, change: ThreadItemUpdate): void =>
    context.stream({ type: 'thread.item.updated', item_id, update: change });

  const message = (key: string, id?: string): OpenMessage => {
    const known = messages.get(key);
    if (known !== undefined) return known;
    // An id that this run has used before would overwrite the earlier message in the store.
    const created: OpenMessage = { id: id === undefined || used.has(id) ? context.createId('message') : id, parts: [] };
    used.add(created.id);
    messages.set(key, created);
    context.endWorkflow();
    context.stream({ type: 'thread.item.added', item: { ...assistant(context, created.id), content: [] } });
    return created;
  };

  const part = (key: string, index: number): { text: string; annotations: Annotation[] } => {
    const { id, parts } = message(key);
    while (parts.length <= index) {
      parts.push({ text: '', annotations: [] });
      update(id, {
        type: 'assistant_message.content_part.added',
        content_index: parts.length - 1,
        content: { type: 'output_text', text: '', annotations: [] },
      });
    }
    return parts[index] as { text: string; annotations: Annotation[] };
  };

  const annotate = async (key: string, index: number, citation: RawCitation): Promise<void> => {
    const annotation = await converter.citationToAnnotation(citation);
    if (annotation === undefined) return;
    const { annotations } = part(key, index);
    annotations.push(annotation);
    update(message(key).id, {
      type: 'assistant_message.content_part.annotation_added',
      content_index: index,
      annotation_index: annotations.length - 1,
      annotation,
    });
  };

  const finishMessage = async (key: string, raw: readonly RawPart[] | undefined): Promise<void> => {
    const { id, parts } = message(key);
    messages.delete(key);
    const content = raw === undefined ? parts.map(toContent) : await Promise.all(raw.map(convertPart));
    context.stream({ type: 'thread.item.done', item: { ...assistant(context, id), content } });
  };

  const convertPart = async ({ text, citations }: RawPart): Promise<AssistantMessageContent> => {
    const converted = await Promise.all(citations.map((citation) => converter.citationToAnnotation(citation)));
    return { type: 'output_text', text, annotations: converted.filter((each) => each !== undefined) };
  };

  const openReasoning = (): void => {
    if (context.workflow === undefined) context.startWorkflow({ type: 'reasoning', tasks: [], expanded: false });
  };

  const thoughtDelta = (index: number, delta: string): void => {
    openReasoning();
    if (thought !== undefined && thought.index === index) {
      thought.text += delta;
      context.updateWorkflowTask({ type: 'thought', status_indicator: 'none', content: thought.text }, thought.task);
    } else if (context.workflow?.workflow.type === 'reasoning' && context.workflow.workflow.tasks.length === 0) {
      // Only the first thought is streamed, as in the reference: an update carries the whole task, so streaming each
      // would send a long chain of thought many times over.
      const task = context.addWorkflowTask({ type: 'thought', status_indicator: 'none', content: delta });
      thought = { task, index, text: delta };
    }
  };

  const thoughtDone = (index: number, text: string | undefined): void => {
    openReasoning();
    if (thought !== undefined && thought.index === index) {
      const task = { type: 'thought', status_indicator: 'none', content: text ?? thought.text } as const;
      context.updateWorkflowTask(task, thought.task);
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
    context.stream({
      type: 'thread.item.done',
      item: { type: 'generated_image', id, thread_id: context.thread.id, created_at, image: { id: key, url } },
    });
  };

  const write = (signal: AgentSignal): Promise<void> | undefined => {
    switch (signal.kind) {
      case 'text.delta': {
        const { key, index, delta } = signal;
        part(key, index).text += delta;
        update(message(key).id, {
          type: 'assistant_message.content_part.text_delta',
          content_index: index,
          delta,
        });
        return;
      }
      case 'message.started': {
        const { key, id } = signal;
        if (id === undefined || isTaken === undefined) {
          message(key, id);
          return;
        }
        return isTaken(id).then((taken) => void message(key, taken ? undefined : id));
      }
      case 'part.started':
        part(signal.key, signal.index);
        return;
      case 'part.done': {
        const done = part(signal.key, signal.index);
        done.text = signal.text ?? done.text;
        update(message(signal.key).id, {
          type: 'assistant_message.content_part.done',
          content_index: signal.index,
          content: toContent(done),
        });
        return;
      }
      case 'citation':
        return annotate(signal.key, signal.index, signal.citation);
      case 'message.done':
        return finishMessage(signal.key, signal.parts);
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
        startImage(signal.key);
        return;
      case 'image.partial':
        return updateImage(signal.key, signal.base64, signal.index);
      case 'image.done':
        return finishImage(signal.key, converter.base64ImageToUrl(signal.key, signal.base64));
      case 'image.linked':
        return finishImage(signal.key, signal.url);
      case 'tool.called':
        toolCalls.push({ callId: signal.callId, id: signal.id, name: signal.name });
        return;
    }
  };

  return { write, toolCalls };
};

const assistant = (context: ResponseContext, id: string) =>
  ({
    type: 'assistant_message',
    id,
    thread_id: context.thread.id,
    created_at: context.timestamp(),
  }) as const;

/** A copy: what has been sent must not change when the part grows. */
const toContent = ({ text, annotations }: { text: string; annotations: Annotation[] }): AssistantMessageContent => ({
  type: 'output_text',
  text,
  annotations: [...annotations],
});
