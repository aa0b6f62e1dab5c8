/**
 * Applies an update to an item; pure, and lenient as the protocol asks. An update of an unknown kind, or one that does
 * not fit the item, returns the item unchanged. The rules are those of the Python SDK: if a content part is written
 * before it exists, empty parts are added in front of it; an annotation beyond the end is appended; an added task is
 * appended whatever its index says.
 */

import type { AssistantMessageContent } from './content.ts';
import type { AssistantMessageItem, ThreadItem, WorkflowItem } from './item.ts';
import type { ThreadItemUpdate, ThreadItemUpdateOf } from './update.ts';
import type { WidgetRoot } from './widget.ts';

/** A peer that names part 1,000,000,000 must not cost the memory of as many empty parts. */
const maxPadding = 256;

/**
 * The item after the update; the same object when nothing changes.
 *
 * @example
 * const next = foldUpdate(item, { type: 'assistant_message.content_part.text_delta', content_index: 0, delta: 'Hi' });
 */
export const foldUpdate = (item: ThreadItem, update: ThreadItemUpdate): ThreadItem => {
  switch (item.type) {
    case 'assistant_message':
      return foldMessage(item, update);
    case 'workflow':
      return foldWorkflow(item, update);
    case 'widget': {
      const widget = foldWidget(item.widget, update);
      return widget === item.widget ? item : { ...item, widget };
    }
    case 'generated_image':
      return update.type === 'generated_image.updated' ? { ...item, image: update.image } : item;
    default:
      return item;
  }
};

/**
 * Data from the wire reaches a browser unvalidated, so anything that is not a list reads as an empty list. Likewise
 * below, a part that is `null` reads as empty.
 */
const listOf = <T>(value: readonly T[]): readonly T[] => (Array.isArray(value) ? value : []);

const isIndex = (at: number, last: number): boolean => Number.isInteger(at) && at >= 0 && at <= last;

/** Replaces the part at `at`, after padding. Returns the same item if `at` is not a valid index. */
const withPart = (
  item: AssistantMessageItem,
  at: number,
  change: (part: AssistantMessageContent) => AssistantMessageContent,
): AssistantMessageItem => {
  const parts = listOf(item.content);
  if (!isIndex(at, parts.length + maxPadding)) return item;
  const content = parts.slice();
  while (content.length <= at) content.push({ type: 'output_text', text: '', annotations: [] });
  content[at] = change(content[at] as AssistantMessageContent);
  return { ...item, content };
};

const foldMessage = (item: AssistantMessageItem, update: ThreadItemUpdate): AssistantMessageItem => {
  switch (update.type) {
    case 'assistant_message.content_part.added':
    case 'assistant_message.content_part.done':
      return withPart(item, update.content_index, () => update.content);
    case 'assistant_message.content_part.text_delta':
      return typeof update.delta === 'string' ? appendText(item, update.content_index, update.delta) : item;
    case 'assistant_message.content_part.annotation_added':
      return withPart(item, update.content_index, (part) => {
        const annotations = listOf(part?.annotations).slice();
        const { annotation_index: at, annotation } = update;
        annotations.splice(isIndex(at, annotations.length) ? at : annotations.length, 0, annotation);
        return { ...part, annotations };
      });
    default:
      return item;
  }
};

/** Appends to the text of one part. */
export const appendText = (item: AssistantMessageItem, at: number, text: string): AssistantMessageItem =>
  withPart(item, at, (part) => ({ ...part, text: textOf(part?.text) + text }));

const foldWorkflow = (item: WorkflowItem, update: ThreadItemUpdate): WorkflowItem => {
  const tasks = listOf(item.workflow?.tasks);
  if (update.type === 'workflow.task.added') {
    return { ...item, workflow: { ...item.workflow, tasks: [...tasks, update.task] } };
  }
  if (update.type === 'workflow.task.updated' && isIndex(update.task_index, tasks.length - 1)) {
    return { ...item, workflow: { ...item.workflow, tasks: tasks.with(update.task_index, update.task) } };
  }
  return item;
};

type WidgetUpdate = Extract<ThreadItemUpdate, { type: `widget.${string}` }>;
type Json = Readonly<Record<string, unknown>>;

/**
 * The widget after an update; the same object if it does not contain the component that the update names.
 *
 * @example
 * const delta = { type: 'widget.streaming_text.value_delta', component_id: 't', delta: '!', done: true } as const;
 * const next = foldWidget(item.widget, delta);
 */
export const foldWidget = (widget: WidgetRoot, update: WidgetUpdate | ThreadItemUpdate): WidgetRoot => {
  switch (update.type) {
    case 'widget.root.updated':
      return update.widget;
    case 'widget.component.updated':
      return changeComponent(widget, update.component_id, () => update.component) as WidgetRoot;
    case 'widget.streaming_text.value_delta':
      return changeComponent(widget, update.component_id, (text) => appendValue(text, update)) as WidgetRoot;
    default:
      return widget;
  }
};

const appendValue = (text: Json, { delta, done }: ThreadItemUpdateOf<'widget.streaming_text.value_delta'>): Json => ({
  ...text,
  value: textOf(text['value']) + textOf(delta),
  ...(done && text['streaming'] === true ? { streaming: false } : {}),
});

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** How deep a component is looked for: a peer that nests them deeper must not exhaust the stack. */
const maxLevels = 256;

/** Finds the component with this id, where `children` may be one component or a list, and copies the path to it. */
const changeComponent = (component: Json, id: string, change: (found: Json) => Json, levels = maxLevels): Json => {
  if (levels === 0) return component;
  // An update that names none fits none, and not the first that has no id.
  if (id !== undefined && component?.['id'] === id) return change(component);
  const children = component?.['children'];
  if (Array.isArray(children)) {
    for (const [at, child] of children.entries()) {
      const changed = changeComponent(child as Json, id, change, levels - 1);
      if (changed !== child) return { ...component, children: children.with(at, changed) };
    }
  } else if (typeof children === 'object') {
    const changed = changeComponent(children as Json, id, change, levels - 1);
    if (changed !== children) return { ...component, children: changed };
  }
  return component;
};
