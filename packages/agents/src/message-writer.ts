/**
 * Writes the messages of one run as items. It chooses their ids, keeps what has been streamed of each, and guarantees
 * the order that readers rely on, whatever order the model's server keeps: a part is added, grows, and is done; a
 * message is done once, and later signals for it are dropped.
 */
import type { Annotation, AssistantMessageContent, ThreadItemUpdate } from '@chatkit/core';
import type { RawCitation, RawMessage, RawPart } from './agent-signal.ts';
import type { ResponseContext } from './response-context.ts';
import type { ResponseStreamConverter } from './response-stream-converter.ts';

/** Each method writes one kind of signal. It returns a promise only if it has to wait for a hook or the store. */
export interface MessageWriter {
  start(key: string, id: string | undefined): Promise<void> | undefined;
  startPart(key: string, index: number, text: string): void;
  grow(key: string, index: number, delta: string): void;
  finishPart(key: string, index: number, text: string | undefined): void;
  cite(key: string, index: number, citation: RawCitation): Promise<void>;
  finish(key: string, parts: readonly RawPart[] | undefined): Promise<void>;
  /**
   * Ends the messages that the response has left open. If the response streamed none, its messages are written whole.
   */
  finishResponse(messages: readonly RawMessage[]): Promise<void>;
}

interface Part {
  /** Its index in the item. The model's own index only distinguishes parts; it may skip numbers. */
  readonly place: number;
  phase: 'open' | 'done';
  text: string;
  readonly annotations: Annotation[];
}

interface OpenMessage {
  readonly id: string;
  /** By the model's index, in order of arrival. */
  readonly parts: Map<number, Part>;
}

export const createMessageWriter = (
  context: ResponseContext,
  converter: ResponseStreamConverter,
  isTaken: ((id: string) => Promise<boolean>) | undefined,
): MessageWriter => {
  const open = new Map<string, OpenMessage>();
  /** Messages of the current response that are done. The next response may use their keys again. */
  const finished = new Set<string>();
  const used = new Set<string>();

  const update = (item_id: string, change: ThreadItemUpdate): void =>
    context.stream({ type: 'thread.item.updated', item_id, update: change });

  const add = (key: string, id: string | undefined): OpenMessage => {
    // An id that this run has used before would overwrite the earlier message in the store.
    const created: OpenMessage = {
      id: id === undefined || used.has(id) ? context.createId('message') : id,
      parts: new Map(),
    };
    used.add(created.id);
    open.set(key, created);
    context.stream({ type: 'thread.item.added', item: { ...assistant(context, created.id), content: [] } });
    return created;
  };

  /** The message with this key, if it may still change. A message that was not announced begins here. */
  const message = (key: string): OpenMessage | undefined =>
    open.get(key) ?? (finished.has(key) ? undefined : add(key, undefined));

  const part = ({ id, parts }: OpenMessage, index: number, text = ''): Part => {
    const known = parts.get(index);
    if (known !== undefined) return known;
    const created: Part = { place: parts.size, phase: 'open', text, annotations: [] };
    parts.set(index, created);
    update(id, {
      type: 'assistant_message.content_part.added',
      content_index: created.place,
      content: toContent(created),
    });
    return created;
  };

  const start = (key: string, id: string | undefined): void => {
    if (!open.has(key)) add(key, id);
  };

  const finish = async (key: string, raw: readonly RawPart[] | undefined): Promise<void> => {
    const known = message(key);
    if (known === undefined) return;
    open.delete(key);
    finished.add(key);
    const content =
      raw === undefined ? [...known.parts.values()].map(toContent) : await Promise.all(raw.map(convertPart));
    context.stream({ type: 'thread.item.done', item: { ...assistant(context, known.id), content } });
  };

  const convertPart = async ({ text, citations }: RawPart): Promise<AssistantMessageContent> => {
    const converted = await Promise.all(citations.map((citation) => converter.citationToAnnotation(citation)));
    return { type: 'output_text', text, annotations: converted.filter((each) => each !== undefined) };
  };

  return {
    start(key, id) {
      if (id === undefined || isTaken === undefined) return start(key, id) as undefined;
      return isTaken(id).then((taken) => start(key, taken ? undefined : id));
    },
    startPart(key, index, text) {
      const to = message(key);
      if (to !== undefined) part(to, index, text);
    },
    grow(key, index, delta) {
      const to = message(key);
      if (to === undefined) return;
      const growing = part(to, index);
      if (growing.phase === 'done') return;
      growing.text += delta;
      update(to.id, { type: 'assistant_message.content_part.text_delta', content_index: growing.place, delta });
    },
    finishPart(key, index, text) {
      const to = message(key);
      if (to === undefined) return;
      const ending = part(to, index);
      if (ending.phase === 'done') return;
      ending.phase = 'done';
      ending.text = text ?? ending.text;
      update(to.id, {
        type: 'assistant_message.content_part.done',
        content_index: ending.place,
        content: toContent(ending),
      });
    },
    async cite(key, index, citation) {
      const annotation = await converter.citationToAnnotation(citation);
      const to = message(key);
      if (annotation === undefined || to === undefined) return;
      const cited = part(to, index);
      cited.annotations.push(annotation);
      // If the part is done already, the annotation is sent with the finished message.
      if (cited.phase === 'done') return;
      update(to.id, {
        type: 'assistant_message.content_part.annotation_added',
        content_index: cited.place,
        annotation_index: cited.annotations.length - 1,
        annotation,
      });
    },
    finish,
    async finishResponse(messages) {
      const streamed = open.size > 0 || finished.size > 0;
      for (const { key, parts } of messages) if (!streamed || open.has(key)) await finish(key, parts);
      for (const key of [...open.keys()]) await finish(key, undefined);
      finished.clear();
    },
  };
};

const assistant = (context: ResponseContext, id: string) =>
  ({
    type: 'assistant_message',
    id,
    thread_id: context.thread.id,
    created_at: context.timestamp(),
  }) as const;

/** A copy, because content that has been sent must not change when the part grows. */
const toContent = ({ text, annotations }: Part): AssistantMessageContent => ({
  type: 'output_text',
  text,
  annotations: [...annotations],
});
