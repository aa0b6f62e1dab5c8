/**
 * Serializes values for the wire, byte for byte as the Python SDK does. That SDK omits model fields that are null,
 * writes every default, keeps nulls inside free-form values, strips them inside widgets, never sends attachment
 * metadata, and writes fields in the order in which its models declare them. One table per model encodes all of that.
 * Items and events of unknown types pass through unchanged.
 */

import type { Attachment } from './attachment.ts';
import type { ThreadStreamEvent } from './event.ts';
import { isHiddenItem, type ThreadItem } from './item.ts';
import type { Page, Thread, ThreadMetadata } from './thread.ts';
import type { ThreadItemUpdate } from './update.ts';

type Json = Readonly<Record<string, unknown>>;
/** Encodes one value. Gets `undefined` for a missing one, and returns what to write in its place. */
type Encode = (value: unknown) => unknown;

/** A field that is written unchanged, and omitted if missing. Any other constant is the field's default. */
const plain = undefined;

/**
 * A model: its fields in output order, each with its encoder or its default. The functions that build tables are marked
 * as free of side effects, and tables are never spread into each other, so that bundlers can drop all of this from a
 * page that only reads.
 */
/* @__NO_SIDE_EFFECTS__ */
const model = (...fields: readonly Readonly<Record<string, unknown>>[]): Encode => {
  const table = fields.flatMap((part) => Object.entries(part));
  return (value) => {
    if (typeof value !== 'object' || value === null) return value;
    const out: Record<string, unknown> = {};
    for (const [key, field] of table) {
      const given = (value as Json)[key] ?? undefined;
      const written = typeof field === 'function' ? field(given) : (given ?? field);
      if (written !== undefined) out[key] = written;
    }
    return out;
  };
};

/** A list; empty if missing, which is every list's default. */
/* @__NO_SIDE_EFFECTS__ */
const list =
  (encode: Encode): Encode =>
  (value = []) =>
    Array.isArray(value) ? value.map((entry) => encode(entry)) : value;

const texts = list((text) => text);

/** A free-form object; empty if missing. */
const object: Encode = (value = {}) => value;

/** Picks the model by `type`. A value of an unknown type passes through. */
/* @__NO_SIDE_EFFECTS__ */
const union =
  (models: Readonly<Record<string, Encode>>): Encode =>
  (value) => {
    const type = (value as { type?: string } | null | undefined)?.type as string;
    return Object.hasOwn(models, type) ? (models[type] as Encode)(value) : value;
  };

const notNull = (value: unknown): boolean => value !== null;

const withoutNulls: Encode = (value) => {
  if (Array.isArray(value)) return value.filter(notNull).map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, entry]) => entry !== null || key === 'children')
      .map(([key, entry]) => [key, withoutNulls(entry)]),
  );
};

/** A widget component: the fields that the Python model declares come first, the rest in the given order. */
const component: Encode = (value) => {
  if (Array.isArray(value)) return value.filter(notNull).map(component);
  if (typeof value !== 'object' || value === null) return value;
  const { key, id, type, children, ...rest } = value as Json;
  // Spread and not assignment, so that a key `__proto__` stays a key.
  return { ...(declared(value) as Json), ...(withoutNulls(rest) as Json) };
};
const declared = model({ key: plain, id: plain, type: plain, children: component });

const sourceBase = { title: plain, description: plain, timestamp: plain, group: plain, type: plain };
const fileSource = model(sourceBase, { filename: plain });
const urlSource = model(sourceBase, { url: plain, attribution: plain });
const source = union({
  file: fileSource,
  url: urlSource,
  entity: model(sourceBase, {
    id: plain,
    icon: plain,
    label: plain,
    inline_label: plain,
    interactive: false,
    data: object,
    preview: plain,
  }),
});
const annotation = model({ type: 'annotation', source, index: plain });
const assistantContent = model({ annotations: list(annotation), text: '', type: 'output_text' });

const userContent = union({
  input_text: model({ type: plain, text: plain }),
  input_tag: model({ type: plain, id: plain, text: plain, data: object, group: plain, interactive: false }),
});

const attachmentBase = {
  id: plain,
  name: plain,
  mime_type: plain,
  upload_descriptor: model({ url: plain, method: plain, headers: object }),
  thread_id: plain,
  type: plain,
};
const attachment = union({ file: model(attachmentBase), image: model(attachmentBase, { preview_url: plain }) });

const taskBase = { status_indicator: 'none', type: plain, title: plain };
const task = union({
  custom: model(taskBase, { icon: plain, content: plain }),
  web_search: model(taskBase, { title_query: plain, queries: texts, sources: list(urlSource) }),
  thought: model(taskBase, { content: plain }),
  file: model(taskBase, { sources: list(fileSource) }),
  image: model(taskBase),
});
const workflow = model({
  type: plain,
  tasks: list(task),
  summary: model({ title: plain, icon: plain, duration: plain }),
  expanded: false,
});

const inputBase = { id: plain, question: plain, answer: model({ values: texts, skipped: false }), type: plain };
const structuredInput = union({
  multiple_choice: model(inputBase, { options: list(model({ value: plain })), multiple: false }),
  freeform: model(inputBase, { description: plain }),
});

const image = model({ id: plain, url: plain });
const inferenceOptions = model({ tool_choice: model({ id: plain }), model: plain });

const itemBase = { id: plain, thread_id: plain, created_at: plain, type: plain };
const withContent = model(itemBase, { content: plain });
const item = union({
  user_message: model(itemBase, {
    content: list(userContent),
    attachments: list(attachment),
    quoted_text: plain,
    inference_options: (value: unknown = {}) => inferenceOptions(value),
  }),
  assistant_message: model(itemBase, { content: list(assistantContent) }),
  client_tool_call: model(itemBase, {
    status: 'pending',
    call_id: plain,
    name: plain,
    arguments: plain,
    output: plain,
  }),
  widget: model(itemBase, { widget: component, copy_text: plain }),
  generated_image: model(itemBase, { image }),
  structured_input: model(itemBase, { status: 'pending', inputs: list(structuredInput) }),
  task: model(itemBase, { task }),
  workflow: model(itemBase, { workflow }),
  end_of_turn: model(itemBase),
  hidden_context_item: withContent,
  sdk_hidden_context: withContent,
});

const page = model({ data: list(item), has_more: false, after: plain });
const status = model({ type: 'active', reason: plain });
const thread = model({
  title: plain,
  id: plain,
  created_at: plain,
  status: (value: unknown = {}) => status(value),
  allowed_image_domains: plain,
  // Stored, never sent: the Python SDK answers with a new thread object without metadata.
  metadata: () => ({}),
  items: ({ data = [], ...rest }: Partial<Page<ThreadItem>> = {}) =>
    page({ ...rest, data: data.filter((entry) => !isHiddenItem(entry)) }),
});

const part = { type: plain, content_index: plain };
const partContent = model(part, { content: assistantContent });
const workflowTask = model({ type: plain, task_index: plain, task });
const update = union({
  'assistant_message.content_part.added': partContent,
  'assistant_message.content_part.text_delta': model(part, { delta: plain }),
  'assistant_message.content_part.annotation_added': model(part, { annotation_index: plain, annotation }),
  'assistant_message.content_part.done': partContent,
  'widget.streaming_text.value_delta': model({ type: plain, component_id: plain, delta: plain, done: plain }),
  'widget.root.updated': model({ type: plain, widget: component }),
  'widget.component.updated': model({ type: plain, component_id: plain, component }),
  'workflow.task.added': workflowTask,
  'workflow.task.updated': workflowTask,
  'generated_image.updated': model({ type: plain, image, progress: plain }),
});

const threadEvent = model({ type: plain, thread });
const itemEvent = model({ type: plain, item });
const event = union({
  'thread.created': threadEvent,
  'thread.updated': threadEvent,
  'thread.item.added': itemEvent,
  'thread.item.updated': model({ type: plain, item_id: plain, update }),
  'thread.item.done': itemEvent,
  'thread.item.removed': model({ type: plain, item_id: plain }),
  'thread.item.replaced': itemEvent,
  stream_options: model({ type: plain, stream_options: model({ allow_cancel: plain }) }),
  progress_update: model({ type: plain, icon: plain, text: plain }),
  client_effect: model({ type: plain, name: plain, data: object }),
  error: model({ type: plain, code: 'custom', message: plain, allow_retry: false }),
  notice: model({ type: plain, level: plain, message: plain, title: plain }),
});

/** An item in its wire form: a new object, without what the protocol omits. */
export const toWireItem = item as (value: ThreadItem) => ThreadItem;

/** An attachment in its wire form, without its `metadata`. */
export const toWireAttachment = attachment as (value: Attachment) => Attachment;

/** An update in its wire form. */
export const toWireUpdate = update as (value: ThreadItemUpdate) => ThreadItemUpdate;

/**
 * A thread in its wire form: `metadata` is `{}`, hidden items are removed from its page, and a thread without a page
 * gets an empty one.
 *
 * @example
 * return Response.json(toWireThread({ ...stored.thread, items: page }));
 */
export const toWireThread = thread as (value: ThreadMetadata | Thread) => Thread;

/** An event in its wire form: a new object, without what the protocol omits. */
export const toWireEvent = event as (value: ThreadStreamEvent) => ThreadStreamEvent;

/**
 * An event as compact JSON, exactly as the Python SDK writes it: the payload of step 4 of the path of a token. Text
 * deltas, which are most of a stream, are written directly, without a table.
 *
 * @example
 * serializeEvent({ type: 'progress_update', text: 'Searching' }); // '{"type":"progress_update","text":"Searching"}'
 */
export const serializeEvent = (value: ThreadStreamEvent): string => {
  if (value.type === 'thread.item.updated') {
    const { update: change } = value;
    if (change?.type === 'assistant_message.content_part.text_delta') {
      return `{"type":"${value.type}","item_id":${JSON.stringify(value.item_id)},"update":{"type":"${change.type}","content_index":${change.content_index},"delta":${JSON.stringify(change.delta)}}}`;
    }
  }
  return JSON.stringify(event(value));
};
