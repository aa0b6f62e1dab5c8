/**
 * Converts the items of a thread to input for an agent of the OpenAI Agents SDK. Override methods for what your
 * application stores in its own way. Attachments and tags have no default, because only the application knows what they
 * stand for.
 */
import {
  type AssistantMessageItem,
  type Attachment,
  ChatKitError,
  type ClientToolCallItem,
  type GeneratedImageItem,
  type HiddenContextItem,
  type SdkHiddenContextItem,
  type StructuredInputItem,
  type Task,
  type TaskItem,
  type ThreadItem,
  type UserMessageItem,
  type UserTagContent,
  type WidgetItem,
  type WorkflowItem,
} from '@chatkit/core';
import type { AgentInputItem, UserMessageItem as AgentUserMessage } from '@openai/agents';
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
} from './item-texts.ts';

/** One part of a message to the model. */
export type AgentInputContent = Exclude<AgentUserMessage['content'], string>[number];

type Awaitable<T> = T | Promise<T>;
type Input = Awaitable<AgentInputItem[]>;

/**
 * Converts thread items to input of the OpenAI Agents SDK.
 *
 * @example
 * class Converter extends ThreadItemConverter {
 *   override async attachmentToContent(attachment: Attachment) {
 *     return { type: 'input_image', image: await bucket.url(attachment.id) } as const;
 *   }
 * }
 * const input = await new Converter().toAgentInput(page.data);
 */
export class ThreadItemConverter {
  /** The input for a list of items, oldest first. Pending tool calls and ends of turns are left out. */
  async toAgentInput(items: readonly ThreadItem[] | ThreadItem): Promise<AgentInputItem[]> {
    const list = Array.isArray(items) ? (items as readonly ThreadItem[]) : [items as ThreadItem];
    const lastMessage = lastUserMessage(list);
    const converted: AgentInputItem[] = [];
    for (const item of list) converted.push(...(await this.itemToInput(item, item === lastMessage)));
    return converted;
  }

  /** The input for one item. `isLastMessage`: no user message follows, so its quote is still relevant. */
  itemToInput(item: ThreadItem, isLastMessage: boolean): Input {
    switch (item.type) {
      case 'user_message':
        return this.userMessageToInput(item, isLastMessage);
      case 'assistant_message':
        return this.assistantMessageToInput(item);
      case 'client_tool_call':
        return this.clientToolCallToInput(item);
      case 'widget':
        return this.widgetToInput(item);
      case 'generated_image':
        return this.generatedImageToInput(item);
      case 'structured_input':
        return this.structuredInputToInput(item);
      case 'task':
        return this.taskToInput(item);
      case 'workflow':
        return this.workflowToInput(item);
      case 'hidden_context_item':
        return this.hiddenContextToInput(item);
      case 'sdk_hidden_context':
        return this.sdkHiddenContextToInput(item);
      default:
        // An end of turn means nothing to the model. An unknown type was written by a newer version.
        return [];
    }
  }

  /** An attachment of a user message, as content. Override it where attachments are enabled. */
  attachmentToContent(attachment: Attachment): Awaitable<AgentInputContent> {
    throw notConverted(`Attachment ${attachment.id}`, 'attachmentToContent');
  }

  /** An @-mention of a user message, as content that explains it. Override it where tags are used. */
  tagToContent(tag: UserTagContent): Awaitable<AgentInputContent> {
    throw notConverted(`Tag ${tag.id}`, 'tagToContent');
  }

  /** A user message as typed, with its attachments; then its quote; then the explanations of its tags. */
  async userMessageToInput(item: UserMessageItem, isLastMessage = true): Promise<AgentInputItem[]> {
    const { text, tags } = readUserMessage(item);
    const attachments = await Promise.all(item.attachments.map((each) => this.attachmentToContent(each)));
    const input = [user({ type: 'input_text', text }, ...attachments)];
    if (item.quoted_text && isLastMessage) {
      input.push(userText(quotedText(item.quoted_text)));
    }
    if (tags.length > 0) {
      const explained = await Promise.all(tags.map((tag) => this.tagToContent(tag)));
      input.push(user({ type: 'input_text', text: tagGuide }, ...explained));
    }
    return input;
  }

  assistantMessageToInput(item: AssistantMessageItem): Input {
    const content = item.content.map(({ text }) => ({ type: 'output_text', text }) as const);
    return [{ type: 'message', role: 'assistant', status: 'completed', content }];
  }

  /** A call and its result. A call without a result cannot be sent to a model. */
  clientToolCallToInput(item: ClientToolCallItem): Input {
    if (item.status === 'pending') return [];
    const { call_id: callId, name } = item;
    return [
      { type: 'function_call', callId, name, arguments: JSON.stringify(item.arguments), status: 'completed' },
      {
        type: 'function_call_result',
        callId,
        name,
        status: 'completed',
        output: JSON.stringify(item.output ?? null),
      },
    ];
  }

  widgetToInput(item: WidgetItem): Input {
    return [userText(widgetText(item))];
  }

  generatedImageToInput(item: GeneratedImageItem): Input {
    if (item.image === undefined) return [];
    return [
      user(
        { type: 'input_text', text: imageText(item) },
        { type: 'input_image', image: item.image.url, detail: 'auto' },
      ),
    ];
  }

  structuredInputToInput(item: StructuredInputItem): Input {
    return [userText(structuredInputText(item))];
  }

  taskToInput(item: TaskItem): Input {
    return describeTask(item.task);
  }

  workflowToInput(item: WorkflowItem): Input {
    return item.workflow.tasks.flatMap(describeTask);
  }

  /** Context that only the model gets. Override it where the content is not text. */
  hiddenContextToInput(item: HiddenContextItem): Input {
    if (typeof item.content !== 'string') throw notConverted(`Hidden context ${item.id}`, 'hiddenContextToInput');
    return [hidden(item.content)];
  }

  sdkHiddenContextToInput(item: SdkHiddenContextItem): Input {
    return [hidden(item.content)];
  }
}

const defaultConverter = new ThreadItemConverter();

/**
 * The input for a list of items, by the default converter. For threads without attachments and tags.
 *
 * @example
 * const page = await store.listItems(thread.id, { limit: 50, order: 'desc' }, context);
 * const input = await simpleToAgentInput(page.data.reverse());
 */
export const simpleToAgentInput = (items: readonly ThreadItem[] | ThreadItem): Promise<AgentInputItem[]> =>
  defaultConverter.toAgentInput(items);

const user = (...content: AgentInputContent[]): AgentInputItem => ({ type: 'message', role: 'user', content });

const userText = (text: string): AgentInputItem => user({ type: 'input_text', text });

const hidden = (content: string): AgentInputItem => userText(hiddenText(content));

const describeTask = (task: Task): AgentInputItem[] => {
  const text = taskText(task);
  return text === undefined ? [] : [userText(text)];
};

const notConverted = (what: string, method: string): ChatKitError =>
  new ChatKitError('internal', `${what} cannot be sent to the model: override ${method} of ThreadItemConverter.`);
