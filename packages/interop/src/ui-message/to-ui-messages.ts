/**
 * Converts the items of a thread to initial messages for `useChat`. Everything that the assistant said after one user
 * message becomes one message.
 */
import type { ThreadItem, UserMessageItem } from '@chatkit/core';
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

/** The messages for `items`, oldest first: the same that a client would have built from the stream. */
export const toUiMessages = (
  items: readonly ThreadItem[],
  messageMetadata?: (items: readonly ThreadItem[]) => unknown,
): Promise<UiMessage[]> =>
  Promise.all(
    itemsByMessage(items).map(async (own) => ({ ...toUiMessage(own), metadata: await messageMetadata?.(own) })),
  );

const toUiMessage = (items: readonly ThreadItem[]): UiMessage => {
  const [first] = items as [ThreadItem];
  if (first.type === 'user_message') return { id: first.id, role: 'user', parts: userParts(first) };
  const parts: UiPart[] = [];
  for (const item of items) {
    // A tool's output is sent by a separate request, so the answer to it is a new step.
    const isStep = item.type !== 'client_tool_call' && parts.at(-1)?.toolCallId !== undefined;
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
  switch (item.type) {
    case 'client_tool_call': {
      const call = { type: `tool-${item.name}`, toolCallId: item.call_id, input: item.arguments };
      return item.status === 'pending'
        ? [{ ...call, state: 'input-available' }]
        : [{ ...call, state: 'output-available', output: item.output ?? null }];
    }
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
