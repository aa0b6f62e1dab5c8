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

/** A value that is written unchanged, and omitted if missing. */
const asGiven: Encode = (value) => value;

/**
 * A model: its fields in output order, each with an encoder, which is a function, or with a default, which is anything
 * else and is written where the field is missing. The functions that build tables are marked as free of side effects,
 * and tables are never spread into each other, so that bundlers can drop all of this from a page that only reads.
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

const texts = list(asGiven);

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
const declared = model({ key: asGiven, id: asGiven, type: asGiven, children: component });

const sourceBase = { title: asGiven, description: asGiven, timestamp: asGiven, group: asGiven, type: asGiven };
const fileSource = model(sourceBase, { filename: asGiven });
const urlSource = model(sourceBase, { url: asGiven, attribution: asGiven });
const source = union({
  file: fileSource,
  url: urlSource,
  entity: model(sourceBase, {
    id: asGiven,
    icon: asGiven,
    label: asGiven,
    inline_label: asGiven,
    interactive: false,
    data: object,
    preview: asGiven,
  }),
});
const annotation = model({ type: 'annotation', source, index: asGiven });
const assistantContent = model({ annotations: list(annotation), text: '', type: 'output_text' });

const userContent = union({
  input_text: model({ type: asGiven, text: asGiven }),
  input_tag: model({ type: asGiven, id: asGiven, text: asGiven, data: object, group: asGiven, interactive: false }),
});

const attachmentBase = {
  id: asGiven,
  name: asGiven,
  mime_type: asGiven,
  upload_descriptor: model({ url: asGiven, method: asGiven, headers: object }),
  thread_id: asGiven,
  type: asGiven,
};
const attachment = union({ file: model(attachmentBase), image: model(attachmentBase, { preview_url: asGiven }) });

const taskBase = { status_indicator: 'none', type: asGiven, title: asGiven };
const task = union({
  custom: model(taskBase, { icon: asGiven, content: asGiven }),
  web_search: model(taskBase, { title_query: asGiven, queries: texts, sources: list(urlSource) }),
  thought: model(taskBase, { content: asGiven }),
  file: model(taskBase, { sources: list(fileSource) }),
  image: model(taskBase),
});
const workflow = model({
  type: asGiven,
  tasks: list(task),
  summary: model({ title: asGiven, icon: asGiven, duration: asGiven }),
  expanded: false,
});

const inputBase = { id: asGiven, question: asGiven, answer: model({ values: texts, skipped: false }), type: asGiven };
const structuredInput = union({
  multiple_choice: model(inputBase, { options: list(model({ value: asGiven })), multiple: false }),
  freeform: model(inputBase, { description: asGiven }),
});

const image = model({ id: asGiven, url: asGiven });
const inferenceOptions = model({ tool_choice: model({ id: asGiven }), model: asGiven });

const itemBase = { id: asGiven, thread_id: asGiven, created_at: asGiven, type: asGiven };
const withContent = model(itemBase, { content: asGiven });
const item = union({
  user_message: model(itemBase, {
    content: list(userContent),
    attachments: list(attachment),
    quoted_text: asGiven,
    inference_options: (value: unknown = {}) => inferenceOptions(value),
  }),
  assistant_message: model(itemBase, { content: list(assistantContent) }),
  client_tool_call: model(itemBase, {
    status: 'pending',
    call_id: asGiven,
    name: asGiven,
    arguments: asGiven,
    output: asGiven,
  }),
  widget: model(itemBase, { widget: component, copy_text: asGiven }),
  generated_image: model(itemBase, { image }),
  structured_input: model(itemBase, { status: 'pending', inputs: list(structuredInput) }),
  task: model(itemBase, { task }),
  workflow: model(itemBase, { workflow }),
  end_of_turn: model(itemBase),
  hidden_context_item: withContent,
  sdk_hidden_context: withContent,
});

const page = model({ data: list(item), has_more: false, after: asGiven });
const status = model({ type: 'active', reason: asGiven });
const thread = model({
  title: asGiven,
  id: asGiven,
  created_at: asGiven,
  status: (value: unknown = {}) => status(value),
  allowed_image_domains: asGiven,
  // Stored, never sent: the Python SDK answers with a new thread object without metadata.
  metadata: () => ({}),
  items: ({ data = [], ...rest }: Partial<Page<ThreadItem>> = {}) =>
    page({ ...rest, data: data.filter((entry) => !isHiddenItem(entry)) }),
});

const part = { type: asGiven, content_index: asGiven };
const partContent = model(part, { content: assistantContent });
const workflowTask = model({ type: asGiven, task_index: asGiven, task });
const update = union({
  'assistant_message.content_part.added': partContent,
  'assistant_message.content_part.text_delta': model(part, { delta: asGiven }),
  'assistant_message.content_part.annotation_added': model(part, { annotation_index: asGiven, annotation }),
  'assistant_message.content_part.done': partContent,
  'widget.streaming_text.value_delta': model({ type: asGiven, component_id: asGiven, delta: asGiven, done: asGiven }),
  'widget.root.updated': model({ type: asGiven, widget: component }),
  'widget.component.updated': model({ type: asGiven, component_id: asGiven, component }),
  'workflow.task.added': workflowTask,
  'workflow.task.updated': workflowTask,
  'generated_image.updated': model({ type: asGiven, image, progress: asGiven }),
});

const threadEvent = model({ type: asGiven, thread });
const itemEvent = model({ type: asGiven, item });
const event = union({
  'thread.created': threadEvent,
  'thread.updated': threadEvent,
  'thread.item.added': itemEvent,
  'thread.item.updated': model({ type: asGiven, item_id: asGiven, update }),
  'thread.item.done': itemEvent,
  'thread.item.removed': model({ type: asGiven, item_id: asGiven }),
  'thread.item.replaced': itemEvent,
  stream_options: model({ type: asGiven, stream_options: model({ allow_cancel: asGiven }) }),
  progress_update: model({ type: asGiven, icon: asGiven, text: asGiven }),
  client_effect: model({ type: asGiven, name: asGiven, data: object }),
  error: model({ type: asGiven, code: 'custom', message: asGiven, allow_retry: false }),
  notice: model({ type: asGiven, level: asGiven, message: asGiven, title: asGiven }),
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
