/**
 * Builders of items: they fill in ids, times and defaults, so that the item has every field that the protocol requires.
 * Each takes one object; `id` defaults to a new id with the right prefix, `created_at` to now. Plain objects of the
 * same shape work as well.
 */

import type { Attachment } from '../attachment.ts';
import type { InferenceOptions, UserMessageContent } from '../content.ts';
import { createId, type IdKind } from '../id.ts';
import type {
  AssistantMessageItem,
  ClientToolCallItem,
  EndOfTurnItem,
  GeneratedImage,
  GeneratedImageItem,
  HiddenContextItem,
  SdkHiddenContextItem,
  StructuredInputItem,
  TaskItem,
  UserMessageItem,
  WidgetItem,
  WorkflowItem,
} from '../item.ts';
import type { Annotation } from '../source.ts';
import type { StructuredInput } from '../structured-input.ts';
import type { Task, Workflow } from '../task.ts';
import type { WidgetRoot } from '../widget.ts';
import { present } from './present.ts';

/** The inputs that every item's builder has. */
export interface ItemBase {
  /** The thread that the item belongs to. */
  thread_id: string;
  /** Default: a new id. */
  id?: string | undefined;
  /** ISO 8601. Default: now. */
  created_at?: string | undefined;
}

/** Puts the common fields first. */
const build = <T extends object>(kind: IdKind, { thread_id, id, created_at }: ItemBase, fields: T) =>
  present({
    id: id ?? createId(kind),
    thread_id,
    created_at: created_at ?? new Date().toISOString(),
    ...fields,
  });

/**
 * A message of the user, from `text` or from parts.
 *
 * @example
 * userMessage({ thread_id: thread.id, text: 'What is backpressure?' });
 */
export const userMessage = (
  input: ItemBase & {
    /** Short for one text part. */
    text?: string | undefined;
    /** The parts; wins over `text`. */
    content?: UserMessageContent[] | undefined;
    attachments?: Attachment[] | undefined;
    quoted_text?: string | undefined;
    inference_options?: InferenceOptions | undefined;
  },
): UserMessageItem =>
  build('message', input, {
    type: 'user_message' as const,
    content: input.content ?? (input.text === undefined ? [] : [{ type: 'input_text' as const, text: input.text }]),
    attachments: input.attachments ?? [],
    quoted_text: input.quoted_text,
    inference_options: input.inference_options ?? {},
  });

/**
 * A message of the assistant. Without `text` and `content` it is empty, ready for text deltas.
 *
 * @example
 * const message = assistantMessage({ thread_id: thread.id });
 * yield itemAdded(message);
 */
export const assistantMessage = (
  input: ItemBase & {
    /** Short for one text part. */
    text?: string | undefined;
    /** Annotations of that one part. Default: none. */
    annotations?: Annotation[] | undefined;
    /** The parts; wins over `text`. */
    content?: AssistantMessageItem['content'] | undefined;
  },
): AssistantMessageItem =>
  build('message', input, {
    type: 'assistant_message' as const,
    content:
      input.content ??
      (input.text === undefined
        ? []
        : [{ type: 'output_text' as const, text: input.text, annotations: input.annotations ?? [] }]),
  });

/**
 * A call of a tool that runs in the browser. It ends the turn; the client sends the output in a new request.
 *
 * @example
 * yield itemDone(clientToolCall({ thread_id: thread.id, name: 'get_location', arguments: {} }));
 */
export const clientToolCall = (
  input: ItemBase & {
    name: string;
    arguments: Record<string, unknown>;
    /** The model's id of the call. Default: a new id. */
    call_id?: string | undefined;
    status?: ClientToolCallItem['status'] | undefined;
    output?: unknown;
  },
): ClientToolCallItem =>
  build('tool_call', input, {
    type: 'client_tool_call' as const,
    status: input.status ?? 'pending',
    call_id: input.call_id ?? createId('tool_call'),
    name: input.name,
    arguments: input.arguments,
    output: input.output,
  });

/**
 * A widget; `copy_text` is what the client's copy button copies. `streamWidget` of `@chatkit/core/widgets` streams one.
 */
export const widgetItem = (input: ItemBase & { widget: WidgetRoot; copy_text?: string | undefined }): WidgetItem =>
  build('message', input, {
    type: 'widget' as const,
    widget: input.widget,
    copy_text: input.copy_text,
  });

/** A generated image; without `image` it is still being made. */
export const generatedImageItem = (input: ItemBase & { image?: GeneratedImage | undefined }): GeneratedImageItem =>
  build('message', input, { type: 'generated_image' as const, image: input.image });

/** Questions that the user answers; they replace the composer. */
export const structuredInputItem = (
  input: ItemBase & { inputs: StructuredInput[]; status?: StructuredInputItem['status'] | undefined },
): StructuredInputItem =>
  build('message', input, {
    type: 'structured_input' as const,
    status: input.status ?? 'pending',
    inputs: input.inputs,
  });

/** A single task, outside any workflow. */
export const taskItem = (input: ItemBase & { task: Task }): TaskItem =>
  build('task', input, { type: 'task' as const, task: input.task });

/**
 * A workflow: the tasks that the assistant shows while it works. Default: a custom one without tasks, collapsed.
 *
 * @example
 * const reading = { type: 'custom', status_indicator: 'loading', title: 'Reading' } as const;
 * yield itemAdded(workflowItem({ thread_id: thread.id, tasks: [reading] }));
 */
export const workflowItem = (input: ItemBase & Partial<Workflow>): WorkflowItem =>
  build('workflow', input, {
    type: 'workflow' as const,
    workflow: present({
      type: input.type ?? 'custom',
      tasks: input.tasks ?? [],
      summary: input.summary,
      expanded: input.expanded ?? false,
    }),
  });

/** Marks the end of the assistant's turn. */
export const endOfTurn = (input: ItemBase): EndOfTurnItem => build('message', input, { type: 'end_of_turn' as const });

/**
 * Something that the model should know and the user should not see: any JSON. Stored, never sent to a client.
 *
 * @example
 * yield itemDone(hiddenContext({ thread_id: thread.id, content: 'The user has opened the map.' }));
 */
export const hiddenContext = (input: ItemBase & { content: unknown }): HiddenContextItem =>
  build('message', input, { type: 'hidden_context_item' as const, content: input.content });

/** Hidden context that the server itself adds, for example after a stop. */
export const sdkHiddenContext = (input: ItemBase & { content: string }): SdkHiddenContextItem =>
  build('sdk_hidden_context', input, { type: 'sdk_hidden_context' as const, content: input.content });
