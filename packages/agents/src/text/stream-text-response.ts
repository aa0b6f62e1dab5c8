/**
 * Streams any source of text as an assistant message. The message appears with the first token, so that a progress line
 * can be shown until then.
 */
import type { Annotation, ThreadStreamEvent } from '@chatkit/core';
import { field, listField, textField } from '../agent-run.ts';
import type { AgentSignal } from '../agent-signal.ts';
import { checkSource, unreadable } from '../check-source.ts';
import { createEventWriter } from '../event-writer.ts';
import { createGenericReader } from '../generic-reader.ts';
import { ResponseContext, type ResponseContextOptions } from '../response-context.ts';
import { ResponseStreamConverter } from '../response-stream-converter.ts';
import { readResponsesEvent } from '../responses-reader.ts';

/** Strings, chunks of a chat completion, or events of the Responses API. */
export type TextSource = AsyncIterable<string | object> | ReadableStream<string | object>;

/** The options of {@link streamTextResponse}. */
export interface StreamTextResponseOptions extends Omit<ResponseContextOptions, 'thread'> {
  /** Returns the sources of the text. Called once, when the text is complete. Default: none. */
  annotate?: ((text: string) => readonly Annotation[] | Promise<readonly Annotation[]>) | undefined;
  /** How citations of a Responses stream are converted. */
  converter?: ResponseStreamConverter | undefined;
}

/**
 * Streams text as one assistant message; reasoning of chat-completions models becomes a workflow before it. An empty
 * source yields no events. An error of the source, or one reported in a chunk, is thrown after everything before it has
 * been yielded. Closing the iterator closes the source. Chunks of other kinds, those of an SDK that is not `openai`,
 * say, are passed over; a source of nothing else is an error.
 *
 * @example
 * async function* words() { yield 'Hello, '; yield 'world.'; }
 * yield* streamTextResponse(thread, words());
 *
 * const chunks = await openai.chat.completions.create({ model, messages, stream: true }, { signal: run.signal });
 * yield* streamTextResponse(thread, chunks);
 */
export async function* streamTextResponse(
  thread: ResponseContextOptions['thread'],
  source: TextSource,
  options: StreamTextResponseOptions = {},
): AsyncGenerator<ThreadStreamEvent, void, undefined> {
  checkSource('streamTextResponse', source, 'The thread goes first; a model gives a stream with `stream: true`.');
  const context = new ResponseContext({ ...options, thread });
  const writer = createEventWriter(context, options.converter ?? new ResponseStreamConverter());
  const read = createTextReader();
  const ready: ThreadStreamEvent[] = [];
  /** The last finished message and the events after it, held back until the sources of the whole text are known. */
  const held: ThreadStreamEvent[] = [];
  let text = '';
  let isSilent = true;
  let unknown: unknown;
  context.attach({ push: (event) => ready.push(event), ready: () => undefined });

  try {
    for await (const chunk of source) {
      if (isSilent && unknown === undefined && !isKnown(chunk)) unknown = chunk;
      for (const signal of read(chunk)) {
        if (signal.kind === 'text.delta') text += signal.delta;
        const written = writer.write(signal);
        if (written !== undefined) await written;
      }
      if (ready.length > 0) isSilent = false;
      for (const event of ready) {
        if (options.annotate === undefined) yield event;
        else if (held.length === 0 && !isMessage('thread.item.done', event)) yield event;
        else if (isMessage('thread.item.added', event)) {
          yield* held.splice(0);
          yield event;
        } else held.push(event);
      }
      ready.length = 0;
    }
  } catch (error) {
    yield* held;
    throw error;
  }
  for (const signal of read(undefined)) await writer.write(signal);
  context.endWorkflow();
  held.push(...ready);
  if (isSilent && held.length === 0 && unknown !== undefined) {
    throw unreadable('streamTextResponse', unknown, 'Take the text out of each chunk, and yield that.');
  }
  if (options.annotate === undefined || text === '') yield* held;
  else yield* withAnnotations(held, await options.annotate(text));
}

const isMessage = (type: 'thread.item.added' | 'thread.item.done', event: ThreadStreamEvent): boolean =>
  event.type === type && event.item.type === 'assistant_message';

/** `undefined` stands for the end of the source. */
const createTextReader = (): ((chunk: unknown) => readonly AgentSignal[]) => {
  const readGeneric = createGenericReader();
  return (chunk) => {
    if (chunk === undefined) return readGeneric({ type: 'response_done' });
    if (typeof chunk === 'string') return readGeneric({ type: 'output_text_delta', delta: chunk });
    throwIfFailed(chunk);
    if (textField(chunk, 'type')?.startsWith('response.') === true) return readResponsesEvent(chunk);
    const delta = textField(field(listField(chunk, 'choices')[0], 'delta'), 'content') ?? '';
    return [...readGeneric({ type: 'model', event: chunk }), ...readGeneric({ type: 'output_text_delta', delta })];
  };
};

/** Whether a chunk is of a kind that may bring text. */
const isKnown = (chunk: unknown): boolean =>
  typeof chunk === 'string' ||
  field(chunk, 'choices') !== undefined ||
  textField(chunk, 'type')?.startsWith('response.') === true;

/**
 * Throws for a chunk that reports a failure, because half an answer must not look complete: `response.failed` and
 * `error` of the Responses API, and the `error` that gateways put into a chunk of a chat completion, end the source
 * without making it throw.
 */
const throwIfFailed = (chunk: unknown): void => {
  const type = textField(chunk, 'type');
  const told = field(type === 'response.failed' ? field(chunk, 'response') : chunk, 'error') ?? undefined;
  // A field `error` in an event of another type is data.
  if (type !== 'response.failed' && type !== 'error' && (type !== undefined || told === undefined)) return;
  throw new Error(textField(told, 'message') ?? textField(chunk, 'message') ?? 'The model failed.', { cause: chunk });
};

/** Adds annotations to the message that `events` finish: as updates first, then in the finished item. */
function* withAnnotations(
  events: readonly ThreadStreamEvent[],
  annotations: readonly Annotation[],
): Generator<ThreadStreamEvent> {
  for (const event of events) {
    const item = event.type === 'thread.item.done' ? event.item : undefined;
    const part = item?.type === 'assistant_message' ? item.content[0] : undefined;
    if (item?.type !== 'assistant_message' || part === undefined) {
      yield event;
      continue;
    }
    const first = part.annotations.length;
    for (const [index, annotation] of annotations.entries()) {
      yield {
        type: 'thread.item.updated',
        item_id: item.id,
        update: {
          type: 'assistant_message.content_part.annotation_added',
          content_index: 0,
          annotation_index: first + index,
          annotation,
        },
      };
    }
    const whole = { ...part, annotations: [...part.annotations, ...annotations] };
    yield { type: 'thread.item.done', item: { ...item, content: [whole, ...item.content.slice(1)] } };
  }
}
