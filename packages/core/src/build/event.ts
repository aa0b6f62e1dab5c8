/** Builders of events: one function per event and update, so that `respond()` is easy to read. */

import type { AssistantMessageContent } from '../content.ts';
import type { ThreadItemUpdatedEvent, ThreadStreamEventOf } from '../event.ts';
import type { GeneratedImage, ThreadItem } from '../item.ts';
import type { Annotation } from '../source.ts';
import type { Task } from '../task.ts';
import type { Thread } from '../thread.ts';
import type { ThreadItemUpdate } from '../update.ts';
import type { WidgetComponent, WidgetRoot } from '../widget.ts';
import { present } from './present.ts';

/** The thread was created. Sent by the server, not by applications. */
export const threadCreated = (thread: Thread): ThreadStreamEventOf<'thread.created'> => ({
  type: 'thread.created',
  thread,
});

/** The thread changed. Sent by the server when `respond()` has changed the thread. */
export const threadUpdated = (thread: Thread): ThreadStreamEventOf<'thread.updated'> => ({
  type: 'thread.updated',
  thread,
});

/** A new item, for which updates will follow. */
export const itemAdded = (item: ThreadItem): ThreadStreamEventOf<'thread.item.added'> => ({
  type: 'thread.item.added',
  item,
});

/**
 * An item in its final form: stored by the server, and shown instead of what was streamed of it.
 *
 * @example
 * yield itemDone(assistantMessage({ thread_id: thread.id, text: 'Hello.' }));
 */
export const itemDone = (item: ThreadItem): ThreadStreamEventOf<'thread.item.done'> => ({
  type: 'thread.item.done',
  item,
});

/**
 * A new version of a finished item, possibly of another type.
 *
 * @example
 * yield itemReplaced({ ...sender, widget: card({ children: [text({ value: 'Booked.' })] }) });
 */
export const itemReplaced = (item: ThreadItem): ThreadStreamEventOf<'thread.item.replaced'> => ({
  type: 'thread.item.replaced',
  item,
});

/** An item is gone, from the screen and from the store. */
export const itemRemoved = (itemId: string): ThreadStreamEventOf<'thread.item.removed'> => ({
  type: 'thread.item.removed',
  item_id: itemId,
});

/** An update of one item. The builders below make the common ones. */
export const itemUpdated = (itemId: string, update: ThreadItemUpdate): ThreadItemUpdatedEvent => ({
  type: 'thread.item.updated',
  item_id: itemId,
  update,
});

/** The default for an omitted part: an empty text without annotations. */
export type PartInput = Partial<AssistantMessageContent>;

const part = ({ text = '', annotations = [] }: PartInput): AssistantMessageContent => ({
  type: 'output_text',
  text,
  annotations,
});

/** A part of an assistant message begins. */
export const partAdded = (itemId: string, content: PartInput = {}, contentIndex = 0): ThreadItemUpdatedEvent =>
  itemUpdated(itemId, {
    type: 'assistant_message.content_part.added',
    content_index: contentIndex,
    content: part(content),
  });

/**
 * Text to append to a part of an assistant message.
 *
 * @example
 * for await (const token of tokens) yield textDelta(message.id, token);
 */
export const textDelta = (itemId: string, delta: string, contentIndex = 0): ThreadItemUpdatedEvent => ({
  type: 'thread.item.updated',
  item_id: itemId,
  update: { type: 'assistant_message.content_part.text_delta', content_index: contentIndex, delta },
});

/** An annotation of a part, inserted at `annotationIndex`. */
export const annotationAdded = (
  itemId: string,
  annotation: Annotation,
  annotationIndex: number,
  contentIndex = 0,
): ThreadItemUpdatedEvent =>
  itemUpdated(itemId, {
    type: 'assistant_message.content_part.annotation_added',
    content_index: contentIndex,
    annotation_index: annotationIndex,
    annotation,
  });

/** A part is finished; its content replaces what was streamed, annotations included. */
export const partDone = (itemId: string, content: PartInput, contentIndex = 0): ThreadItemUpdatedEvent =>
  itemUpdated(itemId, {
    type: 'assistant_message.content_part.done',
    content_index: contentIndex,
    content: part(content),
  });

/** Text to append to a `Text` or `Markdown` component with an `id`. Set `done` with the last one. */
export const widgetTextDelta = (
  itemId: string,
  componentId: string,
  delta: string,
  done = false,
): ThreadItemUpdatedEvent =>
  itemUpdated(itemId, { type: 'widget.streaming_text.value_delta', component_id: componentId, delta, done });

/** A new widget that replaces the item's. */
export const widgetRootUpdated = (itemId: string, widget: WidgetRoot): ThreadItemUpdatedEvent =>
  itemUpdated(itemId, { type: 'widget.root.updated', widget });

/** A new component that replaces the one with this id. */
export const widgetComponentUpdated = (
  itemId: string,
  componentId: string,
  component: WidgetComponent,
): ThreadItemUpdatedEvent =>
  itemUpdated(itemId, { type: 'widget.component.updated', component_id: componentId, component });

/** A task appended to a workflow; `taskIndex` is its index. */
export const workflowTaskAdded = (itemId: string, task: Task, taskIndex: number): ThreadItemUpdatedEvent =>
  itemUpdated(itemId, { type: 'workflow.task.added', task_index: taskIndex, task });

/** Replaces the task at `taskIndex`. */
export const workflowTaskUpdated = (itemId: string, task: Task, taskIndex: number): ThreadItemUpdatedEvent =>
  itemUpdated(itemId, { type: 'workflow.task.updated', task_index: taskIndex, task });

/** A generated image so far. `progress` is from 0 to 1. */
export const generatedImageUpdated = (
  itemId: string,
  image: GeneratedImage,
  progress?: number,
): ThreadItemUpdatedEvent =>
  itemUpdated(itemId, present({ type: 'generated_image.updated' as const, image, progress }));

/** What the client may do during this stream. The server sends it, from `getStreamOptions()`. */
export const streamOptions = (options: { allow_cancel: boolean }): ThreadStreamEventOf<'stream_options'> => ({
  type: 'stream_options',
  stream_options: options,
});

/**
 * A line that says what is going on until the next visible item.
 *
 * @example
 * yield progressUpdate('Searching 214 passages…', { icon: 'search' });
 */
export const progressUpdate = (
  text: string,
  options: { icon?: string | undefined } = {},
): ThreadStreamEventOf<'progress_update'> => present({ type: 'progress_update' as const, icon: options.icon, text });

/**
 * Something for the front end to do, without a reply. `data` is any JSON object.
 *
 * @example
 * yield clientEffect('confetti', { pieces: 200 });
 */
export const clientEffect = (
  name: string,
  data: Record<string, unknown> = {},
): ThreadStreamEventOf<'client_effect'> => ({ type: 'client_effect', name, data });

/**
 * An error that the user sees. With `message` the code defaults to `custom`, without to `stream.error`.
 *
 * @example
 * yield errorEvent({ message: 'The archive is closed at night.', allow_retry: true });
 */
export const errorEvent = (
  options: { code?: string | undefined; message?: string | undefined; allow_retry?: boolean | undefined } = {},
): ThreadStreamEventOf<'error'> =>
  present({
    type: 'error' as const,
    code: options.code ?? (options.message === undefined ? 'stream.error' : 'custom'),
    message: options.message,
    allow_retry: options.allow_retry ?? false,
  });

/**
 * A notice beside the conversation. `message` is Markdown.
 *
 * @example
 * yield notice('warning', 'You have **3** questions left today.');
 */
export const notice = (
  level: ThreadStreamEventOf<'notice'>['level'],
  message: string,
  options: { title?: string | undefined } = {},
): ThreadStreamEventOf<'notice'> => present({ type: 'notice' as const, level, message, title: options.title });
