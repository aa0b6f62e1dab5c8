/** Converts the items of a thread to messages for the AI SDK. */
import {
  type Attachment,
  messageText,
  type Task,
  type ThreadItem,
  type UserMessageItem,
  type UserTagContent,
} from '@chatkit/core';
import type { ModelMessage, UserContent } from 'ai';
import {
  hiddenText,
  imageText,
  lastUserMessage,
  quotedText,
  readUserMessage,
  structuredInputText,
  tagGuide,
  taskText,
  widgetText,
} from '../item-texts.ts';

type UserPart = Exclude<UserContent, string>[number];

export interface ToModelMessagesOptions {
  /**
   * Converts an attachment to content, for example `{ type: 'file', mediaType: 'image', data: url }`. Default:
   * attachments are left out.
   */
  attachmentToContent?: ((attachment: Attachment) => UserPart) | undefined;
  /** Converts an @-mention to content that explains it. Default: the mention is left as the user typed it. */
  tagToContent?: ((tag: UserTagContent) => UserPart) | undefined;
}

/**
 * The messages for `streamText`, oldest first: user and assistant messages, finished client tool calls, answers to
 * questions, hidden context, and a description in words of whatever else the user was shown. Pending calls and thoughts
 * are left out.
 *
 * @example
 * const page = await store.listItems(thread.id, { limit: 50, order: 'desc' }, context);
 * const result = streamText({ model, messages: toModelMessages(page.data.reverse()) });
 */
export const toModelMessages = (items: readonly ThreadItem[], options: ToModelMessagesOptions = {}): ModelMessage[] => {
  const last = lastUserMessage(items);
  return items.flatMap((item) => toMessages(item, options, item === last));
};

const toMessages = (item: ThreadItem, options: ToModelMessagesOptions, isLastMessage: boolean): ModelMessage[] => {
  switch (item.type) {
    case 'user_message':
      return userMessages(item, options, isLastMessage);
    case 'assistant_message': {
      const text = messageText(item) ?? '';
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
    case 'widget':
      return [user(widgetText(item))];
    case 'structured_input':
      return [user(structuredInputText(item))];
    case 'task':
      return tasks([item.task]);
    case 'workflow':
      return tasks(item.workflow.tasks);
    case 'generated_image': {
      if (item.image === undefined) return [];
      const content: UserPart[] = [
        { type: 'text', text: imageText(item) },
        { type: 'file', mediaType: 'image', data: item.image.url },
      ];
      return [{ role: 'user', content }];
    }
    case 'hidden_context_item':
    case 'sdk_hidden_context':
      return [user(hiddenText(typeof item.content === 'string' ? item.content : JSON.stringify(item.content)))];
    default:
      return [];
  }
};

const user = (content: string): ModelMessage => ({ role: 'user', content });

const tasks = (list: readonly Task[]): ModelMessage[] =>
  list
    .map(taskText)
    .filter((text) => text !== undefined)
    .map(user);

const userMessages = (
  item: UserMessageItem,
  { attachmentToContent, tagToContent }: ToModelMessagesOptions,
  isLastMessage: boolean,
): ModelMessage[] => {
  const { text, tags } = readUserMessage(item);
  const attached = attachmentToContent === undefined ? [] : item.attachments.map((each) => attachmentToContent(each));
  const content: UserContent = attached.length === 0 ? text : [{ type: 'text', text }, ...attached];
  const messages: ModelMessage[] = [{ role: 'user', content }];
  if (item.quoted_text && isLastMessage) messages.push(user(quotedText(item.quoted_text)));
  if (tags.length > 0 && tagToContent !== undefined) {
    const explained = tags.map((tag) => tagToContent(tag));
    messages.push({ role: 'user', content: [{ type: 'text', text: tagGuide }, ...explained] });
  }
  return messages;
};
