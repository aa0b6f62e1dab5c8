/**
 * Items of a thread as the messages that `useChat` begins with: all that the assistant said to one message of the user
 * is one.
 */
import { isHiddenItem, type ThreadItem, type UserMessageItem } from '@chatkit/core';
import { blockKind, dataPart, imagePart, sourcePart, sourcesOf, textOf, type UiPart } from './ui-parts.ts';

/** A message, as `UIMessage` of `ai` has it. */
export interface UiMessage {
  readonly id: string;
  readonly role: 'user' | 'assistant';
  readonly parts: UiPart[];
}

/** The messages that `items`, oldest first, have been to a client that followed them. */
export const toUiMessages = (items: readonly ThreadItem[]): UiMessage[] => {
  const messages: UiMessage[] = [];
  for (const item of items) {
    if (isHiddenItem(item) || item.type === 'end_of_turn') continue;
    if (item.type === 'user_message') {
      messages.push({ id: item.id, role: 'user', parts: userParts(item) });
      continue;
    }
    let message = messages.at(-1);
    if (message?.role !== 'assistant') {
      message = { id: item.id, role: 'assistant', parts: [] };
      messages.push(message);
    }
    const { parts } = message;
    // The output of a tool is a request of its own, and its answer another step.
    const isStep = item.type !== 'client_tool_call' && parts.at(-1)?.toolCallId !== undefined;
    if (parts.length === 0 || isStep) parts.push({ type: 'step-start' });
    parts.push(...assistantParts(item, parts.filter(({ sourceId }) => sourceId !== undefined).length));
  }
  return messages;
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
