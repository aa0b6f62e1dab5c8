/**
 * Items: the durable entries of a thread, and what they are made of. Every type here is inferred from its zod schema
 * (`@chatkit/core/schema`); of them this file has the types only, so a browser bundle stays free of zod.
 */
import type * as z from 'zod';
import type * as attachment from './schema/attachment.ts';
import type * as content from './schema/content.ts';
import type * as item from './schema/item.ts';
import type * as source from './schema/source.ts';
import type * as input from './schema/structured-input.ts';
import type * as task from './schema/task.ts';
import type * as widget from './schema/widget.ts';

/** Any entry of a thread, told apart by `type`. */
export type ThreadItem = z.output<typeof item.threadItemSchema>;
/** The item of one type: `ThreadItemOf<'assistant_message'>`. */
export type ThreadItemOf<T extends ThreadItem['type']> = Extract<ThreadItem, { type: T }>;

export type UserMessageItem = z.output<typeof item.userMessageItemSchema>;
export type AssistantMessageItem = z.output<typeof item.assistantMessageItemSchema>;
export type ClientToolCallItem = z.output<typeof item.clientToolCallItemSchema>;
export type WidgetItem = z.output<typeof item.widgetItemSchema>;
export type GeneratedImageItem = z.output<typeof item.generatedImageItemSchema>;
export type StructuredInputItem = z.output<typeof item.structuredInputItemSchema>;
export type TaskItem = z.output<typeof item.taskItemSchema>;
export type WorkflowItem = z.output<typeof item.workflowItemSchema>;
export type EndOfTurnItem = z.output<typeof item.endOfTurnItemSchema>;
export type HiddenContextItem = z.output<typeof item.hiddenContextItemSchema>;
export type SdkHiddenContextItem = z.output<typeof item.sdkHiddenContextItemSchema>;

export type UserMessageContent = z.output<typeof content.userMessageContentSchema>;
export type UserTextContent = z.output<typeof content.userTextContentSchema>;
export type UserTagContent = z.output<typeof content.userTagContentSchema>;
export type AssistantMessageContent = z.output<typeof content.assistantMessageContentSchema>;
export type InferenceOptions = z.output<typeof content.inferenceOptionsSchema>;

export type Annotation = z.output<typeof source.annotationSchema>;
export type Source = z.output<typeof source.sourceSchema>;
export type FileSource = z.output<typeof source.fileSourceSchema>;
export type UrlSource = z.output<typeof source.urlSourceSchema>;
export type EntitySource = z.output<typeof source.entitySourceSchema>;

export type Task = z.output<typeof task.taskSchema>;
export type CustomTask = z.output<typeof task.customTaskSchema>;
export type WebSearchTask = z.output<typeof task.webSearchTaskSchema>;
export type ThoughtTask = z.output<typeof task.thoughtTaskSchema>;
export type FileTask = z.output<typeof task.fileTaskSchema>;
export type ImageTask = z.output<typeof task.imageTaskSchema>;
export type StatusIndicator = z.output<typeof task.statusIndicatorSchema>;
export type Workflow = z.output<typeof task.workflowSchema>;
export type WorkflowSummary = NonNullable<Workflow['summary']>;

export type StructuredInput = z.output<typeof input.structuredInputSchema>;
export type MultipleChoiceInput = z.output<typeof input.multipleChoiceInputSchema>;
export type FreeformInput = z.output<typeof input.freeformInputSchema>;
export type StructuredInputAnswer = z.output<typeof input.structuredInputAnswerSchema>;
export type StructuredInputResult = z.output<typeof input.structuredInputResultSchema>;

export type Attachment = z.output<typeof attachment.attachmentSchema>;
export type FileAttachment = z.output<typeof attachment.fileAttachmentSchema>;
export type ImageAttachment = z.output<typeof attachment.imageAttachmentSchema>;
export type UploadDescriptor = z.output<typeof attachment.uploadDescriptorSchema>;

export type GeneratedImage = z.output<typeof item.generatedImageSchema>;
export type WidgetRoot = z.output<typeof widget.widgetRootSchema>;
export type WidgetComponent = z.output<typeof widget.widgetComponentSchema>;

/** An item that only the model may see. */
export type HiddenItem = HiddenContextItem | SdkHiddenContextItem;

/**
 * Whether an item is for the model alone. Such items are stored, and leave the server on no event and in no list.
 *
 * @example
 * items.filter((item) => !isHiddenItem(item));
 */
export const isHiddenItem = (item: ThreadItem): item is HiddenItem =>
  item.type === 'hidden_context_item' || item.type === 'sdk_hidden_context';

/**
 * What a message says, the user's or the assistant's, in one string. `undefined` for everything else, so that a list can show
 * what it is instead, and for the `null` that `respond()` is given when nobody said anything.
 *
 * @example
 * <li>{messageText(item) ?? item.type}</li>
 */
export const messageText = (item: ThreadItem | null | undefined): string | undefined =>
  item?.type === 'user_message' || item?.type === 'assistant_message'
    ? item.content?.map((part) => part?.text).join('')
    : undefined;
