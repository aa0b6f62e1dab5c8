/**
 * Converts items to parts of a UI message. Parts and chunks of these kinds look the same, so streams and histories
 * share this code.
 */
import { type Annotation, isHiddenItem, messageText, type ThreadItem } from '@chatkit/core';

/** A part of a message, or a chunk that is the same: its type and the fields of that type. */
export interface UiPart {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** Whether an item is shown as part of what the assistant said. */
export const isOfMessage = (item: ThreadItem): boolean =>
  item.type !== 'user_message' && item.type !== 'end_of_turn' && !isHiddenItem(item);

/** The kind of text that an item is, if it is text. */
export type Block = 'text' | 'reasoning';

export const blockKind = (item: ThreadItem): Block | undefined => {
  if (item.type === 'assistant_message') return 'text';
  return item.type === 'workflow' && item.workflow.type === 'reasoning' ? 'reasoning' : undefined;
};

export const textOf = (item: ThreadItem): string => {
  if (item.type !== 'workflow') return messageText(item) ?? '';
  return item.workflow.tasks.map((task) => (task.type === 'thought' ? task.content : (task.title ?? ''))).join('\n\n');
};

export const sourcesOf = (item: ThreadItem): readonly Annotation[] =>
  item.type === 'assistant_message' ? item.content.flatMap((part) => part.annotations) : [];

/** `at`: the index of the source in its message. */
export const sourcePart = ({ source }: Annotation, at: number): UiPart => {
  const sourceId = `source_${at}`;
  if (source.type === 'url') return { type: 'source-url', sourceId, url: source.url, title: source.title };
  const filename = source.type === 'file' ? { filename: source.filename } : {};
  return { type: 'source-document', sourceId, mediaType: 'text/plain', title: source.title, ...filename };
};

/** An item without a counterpart. It has its own id, so that sending it again replaces it. */
export const dataPart = (item: ThreadItem): UiPart => ({ type: `data-${item.type}`, id: item.id, data: item });

export const imagePart = (url: string): UiPart => {
  const mediaType = /^data:(image\/[\w.+-]+)[;,]/.exec(url)?.[1] ?? 'image/png';
  return { type: 'file', url, mediaType };
};
