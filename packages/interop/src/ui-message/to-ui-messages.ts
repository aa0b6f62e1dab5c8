/**
 * Converts the items of a thread to initial messages for `useChat`. Everything that the assistant said after one user
 * message becomes one message.
 */
import type { ThreadItem, UserMessageItem } from '@chatkit/core';
import { callOf, isCall } from '../shared/client-call.ts';
import { blockKind, dataPart, imagePart, isOfMessage, sourcePart, sourcesOf, textOf, type UiPart } from './ui-parts.ts';

/** A message in the form of `UIMessage` of `ai`. */
export interface UiMessage {
  readonly id: string;
  readonly role: 'user' | 'assistant';
  readonly metadata?: unknown;
  readonly parts: UiPart[];
}

/** Groups items, oldest first, by the message that they are part of. Items that are not shown are left out. */
export const itemsByMessage = (items: readonly ThreadItem[]): ThreadItem[][] => {
  const messages: ThreadItem[][] = [];
  for (const item of items) {
    const last = messages.at(-1);
    if (item.type === 'user_message') messages.push([item]);
    else if (!isOfMessage(item)) continue;
    else if (last === undefined || last[0]?.type === 'user_message') messages.push([item]);
    else last.push(item);
  }
  return messages;
};

/** What is known beside the items. */
export interface HistoryOptions {
  readonly messageMetadata?: ((items: readonly ThreadItem[]) => unknown) | undefined;
  /** The first item of the run in progress. */
  readonly begunWith?: ThreadItem | undefined;
}

/** The messages for `items`, oldest first: the same that a client would have built from the stream. */
export const toUiMessages = (
  items: readonly ThreadItem[],
  { messageMetadata, begunWith }: HistoryOptions = {},
): Promise<UiMessage[]> => {
  const messages = itemsByMessage(items);
  return Promise.all(
    messages.map(async (own) => {
      const message = { ...toUiMessage(own), metadata: await messageMetadata?.(own) };
      // An item that is still being written is not stored, and a later one of its message may be.
      const isBegun = begunWith !== undefined && own === messages.at(-1) && itemsBefore(begunWith, own).length === 0;
      return isBegun && message.role === 'assistant' ? { ...message, id: begunWith.id } : message;
    }),
  );
};

/**
 * The items of a message that are older than the run that began with `first`. An item of the run itself may be stored
 * while `first` is still being written, so the store's order alone does not tell. A run that goes on with a message
 * mostly follows an answer of the client, and what stands before that answer is older.
 */
export const itemsBefore = (first: ThreadItem, stored: readonly ThreadItem[]): readonly ThreadItem[] => {
  const answer = stored.findLastIndex((item) => isCall(item) && !callOf(item).isPending);
  const begun = Date.parse(first.created_at);
  return stored.filter(({ id, created_at }, at) => id !== first.id && (at <= answer || Date.parse(created_at) < begun));
};

export const toUiMessage = (items: readonly ThreadItem[]): UiMessage => {
  const [first] = items as [ThreadItem];
  if (first.type === 'user_message') return { id: first.id, role: 'user', parts: userParts(first) };
  const parts: UiPart[] = [];
  for (const item of items) {
    // A tool's output is sent by a separate request, so the answer to it is a new step.
    const isStep = !isCall(item) && parts.at(-1)?.toolCallId !== undefined;
    if (parts.length === 0 || isStep) parts.push({ type: 'step-start' });
    parts.push(...assistantParts(item, parts.filter(({ sourceId }) => sourceId !== undefined).length));
  }
  return { id: first.id, role: 'assistant', parts };
};

const userParts = (item: UserMessageItem): UiPart[] => [
  ...item.attachments.flatMap((each) =>
    each.type === 'image'
      ? [{ type: 'file', mediaType: each.mime_type, filename: each.name, url: each.preview_url }]
      : [],
  ),
  { type: 'text', text: textOf(item) },
];

const assistantParts = (item: ThreadItem, sources: number): UiPart[] => {
  if (isCall(item)) {
    const { id: toolCallId, name, input, isPending, output } = callOf(item);
    const call = { type: `tool-${name}`, toolCallId, input };
    return isPending ? [{ ...call, state: 'input-available' }] : [{ ...call, state: 'output-available', output }];
  }
  switch (item.type) {
    case 'generated_image':
      return item.image === undefined ? [] : [imagePart(item.image.url)];
    default: {
      const type = blockKind(item);
      if (type === undefined) return [dataPart(item)];
      const block = { type, text: textOf(item), state: 'done' };
      return [
        type === 'reasoning' ? { ...block, id: item.id } : block,
        ...sourcesOf(item).map((found, at) => sourcePart(found, sources + at)),
      ];
    }
  }
};
