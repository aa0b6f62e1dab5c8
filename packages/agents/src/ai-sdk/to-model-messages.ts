/** What is in a thread, as messages for the AI SDK. */
import type { Attachment, ThreadItem, UserMessageItem } from '@chatkit/core';
import type { ModelMessage, UserContent } from 'ai';

type UserPart = Exclude<UserContent, string>[number];

export interface ToModelMessagesOptions {
  /** An attachment as content, for example `{ type: 'image', image: url }`. Default: attachments are left out. */
  attachmentToContent?: ((attachment: Attachment) => UserPart) | undefined;
}

/**
 * Messages for `streamText`, oldest first: what the user and the assistant said, finished client tool calls, and hidden
 * context. Widgets, tasks and workflows are for the eye and are left out.
 *
 * @example
 * const page = await store.listItems(thread.id, { limit: 50, order: 'desc' }, context);
 * const result = streamText({ model, messages: toModelMessages(page.data.reverse()) });
 */
export const toModelMessages = (items: readonly ThreadItem[], options: ToModelMessagesOptions = {}): ModelMessage[] =>
  items.flatMap((item) => toMessages(item, options));

const toMessages = (item: ThreadItem, options: ToModelMessagesOptions): ModelMessage[] => {
  switch (item.type) {
    case 'user_message':
      return [{ role: 'user', content: userContent(item, options) }];
    case 'assistant_message': {
      const text = item.content.map((part) => part.text).join('');
      return text === '' ? [] : [{ role: 'assistant', content: text }];
    }
    case 'client_tool_call': {
      if (item.status === 'pending') return [];
      const call = { toolCallId: item.call_id, toolName: item.name };
      const value = (item.output ?? null) as never;
      return [
        { role: 'assistant', content: [{ type: 'tool-call', ...call, input: item.arguments }] },
        { role: 'tool', content: [{ type: 'tool-result', ...call, output: { type: 'json', value } }] },
      ];
    }
    case 'hidden_context_item':
    case 'sdk_hidden_context': {
      const content = typeof item.content === 'string' ? item.content : JSON.stringify(item.content);
      return [{ role: 'user', content: `Hidden context for the agent (not shown to the user):\n${content}` }];
    }
    default:
      return [];
  }
};

const userContent = (item: UserMessageItem, options: ToModelMessagesOptions): UserContent => {
  let text = item.content.map((part) => (part.type === 'input_text' ? part.text : `@${part.text}`)).join('');
  if (item.quoted_text) text += `\n\nThe user is referring to this in particular: \n${item.quoted_text}`;
  const { attachmentToContent } = options;
  if (attachmentToContent === undefined || item.attachments.length === 0) return text;
  return [{ type: 'text', text }, ...item.attachments.map((attachment) => attachmentToContent(attachment))];
};
