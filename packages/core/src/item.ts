/** The types of items, the durable entries of a thread. */
import type { Attachment } from './attachment.ts';
import type { AssistantMessageContent, InferenceOptions, UserMessageContent } from './content.ts';
import type { StructuredInput } from './structured-input.ts';
import type { Task, Workflow } from './task.ts';
import type { WidgetRoot } from './widget.ts';

/** Any entry of a thread, discriminated by `type`. A peer may send types that are not listed here; ignore those. */
export type ThreadItem =
  | UserMessageItem
  | AssistantMessageItem
  | ClientToolCallItem
  | WidgetItem
  | GeneratedImageItem
  | StructuredInputItem
  | TaskItem
  | WorkflowItem
  | EndOfTurnItem
  | HiddenContextItem
  | SdkHiddenContextItem;

/** The item of one type: `ThreadItemOf<'assistant_message'>`. */
export type ThreadItemOf<T extends ThreadItem['type']> = Extract<ThreadItem, { type: T }>;

/** The fields of every item. */
type Entry = {
  /** Unique within the thread. */
  id: string;
  thread_id: string;
  /**
   * ISO 8601. Rows written by the Python SDK have no UTC offset. Order items by their place in the list, not by this.
   */
  created_at: string;
};

/** What the user said. */
export type UserMessageItem = Entry & {
  type: 'user_message';
  content: UserMessageContent[];
  attachments: Attachment[];
  /** A passage of the conversation that the message refers to. */
  quoted_text?: string | undefined;
  inference_options: InferenceOptions;
};

/** What the assistant said. Each part grows by text deltas. */
export type AssistantMessageItem = Entry & {
  type: 'assistant_message';
  content: AssistantMessageContent[];
};

/** A tool that runs in the page. The answer goes on when the page has sent its output. */
export type ClientToolCallItem = Entry & {
  type: 'client_tool_call';
  status: 'pending' | 'completed';
  /** The model's id of the call. */
  call_id: string;
  name: string;
  arguments: Record<string, unknown>;
  /** Any JSON; absent while the call is pending. */
  output?: unknown;
};

/** A piece of UI; a click in it is an action. */
export type WidgetItem = Entry & {
  type: 'widget';
  widget: WidgetRoot;
  /** The text that the copy button copies: the widget in words. */
  copy_text?: string | undefined;
};

/** An image that the assistant made or is making. */
export type GeneratedImageItem = Entry & {
  type: 'generated_image';
  /** Absent until there is something to see. */
  image?: GeneratedImage | undefined;
};

/** An image, or a preview of it so far. */
export type GeneratedImage = {
  id: string;
  /** A URL, or a `data:` URL. */
  url: string;
};

/** Questions to the user. */
export type StructuredInputItem = Entry & {
  type: 'structured_input';
  status: 'pending' | 'answered' | 'skipped';
  inputs: StructuredInput[];
};

/** A step outside any workflow. */
export type TaskItem = Entry & {
  type: 'task';
  task: Task;
};

/** Steps that belong together. */
export type WorkflowItem = Entry & {
  type: 'workflow';
  workflow: Workflow;
};

/** Marks the end of the assistant's turn when its last item was not a message. */
export type EndOfTurnItem = Entry & {
  type: 'end_of_turn';
};

/** Context from the application that only the model sees. The odd `_item` in its type comes from the Python SDK. */
export type HiddenContextItem = Entry & {
  type: 'hidden_context_item';
  /** Any JSON. Bridges pass strings on by themselves; other values need a converter of your own. */
  content?: unknown;
};

/** Context from the server itself that only the model sees, for example that the user stopped the answer. */
export type SdkHiddenContextItem = Entry & {
  type: 'sdk_hidden_context';
  content: string;
};

/** An item that only the model may see. */
export type HiddenItem = HiddenContextItem | SdkHiddenContextItem;

/**
 * Whether only the model may see an item. Such items are stored, but never leave the server, in events or in lists.
 *
 * @example
 * items.filter((item) => !isHiddenItem(item));
 */
export const isHiddenItem = (item: ThreadItem): item is HiddenItem =>
  item.type === 'hidden_context_item' || item.type === 'sdk_hidden_context';

/**
 * The text of a user's or an assistant's message, in one string. `undefined` for other items, so that a list can show
 * their type instead, and for the `null` that `respond()` gets when there is no user message.
 *
 * @example
 * <li>{messageText(item) ?? item.type}</li>
 */
export const messageText = (item: ThreadItem | null | undefined): string | undefined =>
  item?.type === 'user_message' || item?.type === 'assistant_message'
    ? item.content?.map((part) => part?.text).join('')
    : undefined;
