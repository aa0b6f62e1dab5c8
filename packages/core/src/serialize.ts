/**
 * Exact out. The reference drops model fields that are null, emits every default, keeps nulls inside free-form values,
 * strips them inside widgets and never sends attachment metadata; its fields come in the order in which the Python
 * models declare them (protocol §1.6 and §1.9). One table per model says all of that, so there is no second place to
 * forget. Items and events of a type that is not known here pass through as they are.
 */
import type { ThreadItemUpdate, ThreadStreamEvent } from './event.ts';
import { type Attachment, isHiddenItem, type ThreadItem } from './item.ts';
import type { Page, Thread, ThreadMetadata } from './thread.ts';

type Json = Readonly<Record<string, unknown>>;
type Encode = (value: unknown) => unknown;
/** A field: its encoder, or a default for when the value is missing and its encoder. */
type Field = Encode | readonly [missing: unknown, encode: Encode];

/** A value that the protocol does not look into, or that has no parts. */
const plain: Encode = (value) => value;

const model = (fields: Readonly<Record<string, Field>>): Encode => {
  const table = Object.entries(fields).map(
    ([key, field]) =>
      (typeof field === 'function' ? [key, undefined, field] : [key, ...field]) as [string, unknown, Encode],
  );
  return (value) => {
    if (typeof value !== 'object' || value === null) return value;
    const out: Record<string, unknown> = {};
    for (const [key, missing, encode] of table) {
      const field = (value as Json)[key] ?? missing;
      if (field !== undefined && field !== null) out[key] = encode(field);
    }
    return out;
  };
};

const list =
  (encode: Encode): Encode =>
  (value) =>
    Array.isArray(value) ? value.map(encode) : value;

/** Picks the model by the tag. A tag that is not known passes the value through. */
const union =
  (models: Readonly<Record<string, Encode>>): Encode =>
  (value) => {
    const type = (value as Json | null)?.['type'];
    return typeof type === 'string' && Object.hasOwn(models, type) ? (models[type] as Encode)(value) : value;
  };

const withoutNulls: Encode = (value) => {
  if (Array.isArray(value)) return value.filter((entry) => entry !== null).map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, entry]) => entry !== null || key === 'children')
      .map(([key, entry]) => [key, withoutNulls(entry)]),
  );
};

/** A widget component: what the reference's model declares comes first, everything else in the order it was given. */
const component: Encode = (value) => {
  if (Array.isArray(value)) return value.filter((entry) => entry !== null).map(component);
  if (typeof value !== 'object' || value === null) return value;
  const { key, id, type, children, ...rest } = value as Json;
  const out: Record<string, unknown> = {};
  if (key !== undefined && key !== null) out['key'] = key;
  if (id !== undefined && id !== null) out['id'] = id;
  if (type !== undefined && type !== null) out['type'] = type;
  if (children !== undefined && children !== null) out['children'] = component(children);
  // Spread, not assignment: a key `__proto__` stays a key.
  return { ...out, ...(withoutNulls(rest) as Json) };
};

const sourceBase = { title: plain, description: plain, timestamp: plain, group: plain, type: plain };
const fileSource = model({ ...sourceBase, filename: plain });
const urlSource = model({ ...sourceBase, url: plain, attribution: plain });
const source = union({
  file: fileSource,
  url: urlSource,
  entity: model({
    ...sourceBase,
    id: plain,
    icon: plain,
    label: plain,
    inline_label: plain,
    interactive: [false, plain],
    data: [{}, plain],
    preview: plain,
  }),
});
const annotation = model({ type: ['annotation', plain], source, index: plain });
const assistantContent = model({
  annotations: [[], list(annotation)],
  text: ['', plain],
  type: ['output_text', plain],
});

const userContent = union({
  input_text: model({ type: plain, text: plain }),
  input_tag: model({
    type: plain,
    id: plain,
    text: plain,
    data: [{}, plain],
    group: plain,
    interactive: [false, plain],
  }),
});

const attachmentBase = {
  id: plain,
  name: plain,
  mime_type: plain,
  upload_descriptor: model({ url: plain, method: plain, headers: [{}, plain] }),
  thread_id: plain,
  type: plain,
};
const attachment = union({
  file: model(attachmentBase),
  image: model({ ...attachmentBase, preview_url: plain }),
});

const taskBase = { status_indicator: ['none', plain] as const, type: plain, title: plain };
const task = union({
  custom: model({ ...taskBase, icon: plain, content: plain }),
  web_search: model({ ...taskBase, title_query: plain, queries: [[], plain], sources: [[], list(urlSource)] }),
  thought: model({ ...taskBase, content: plain }),
  file: model({ ...taskBase, sources: [[], list(fileSource)] }),
  image: model(taskBase),
});

const answer = model({ values: [[], plain], skipped: [false, plain] });
const inputBase = { id: plain, question: plain, answer, type: plain };
const structuredInput = union({
  multiple_choice: model({ ...inputBase, options: list(model({ value: plain })), multiple: [false, plain] }),
  freeform: model({ ...inputBase, description: plain }),
});

const generatedImage = model({ id: plain, url: plain });

const itemBase = { id: plain, thread_id: plain, created_at: plain, type: plain };
const item = union({
  user_message: model({
    ...itemBase,
    content: list(userContent),
    attachments: [[], list(attachment)],
    quoted_text: plain,
    inference_options: [{}, model({ tool_choice: model({ id: plain }), model: plain })],
  }),
  assistant_message: model({ ...itemBase, content: list(assistantContent) }),
  client_tool_call: model({
    ...itemBase,
    status: ['pending', plain],
    call_id: plain,
    name: plain,
    arguments: plain,
    output: plain,
  }),
  widget: model({ ...itemBase, widget: component, copy_text: plain }),
  generated_image: model({ ...itemBase, image: generatedImage }),
  structured_input: model({ ...itemBase, status: ['pending', plain], inputs: list(structuredInput) }),
  task: model({ ...itemBase, task }),
  workflow: model({
    ...itemBase,
    workflow: model({
      type: plain,
      tasks: list(task),
      summary: model({ title: plain, icon: plain, duration: plain }),
      expanded: [false, plain],
    }),
  }),
  end_of_turn: model(itemBase),
  hidden_context_item: model({ ...itemBase, content: plain }),
  sdk_hidden_context: model({ ...itemBase, content: plain }),
});

const page = (entry: Encode): Encode => model({ data: [[], list(entry)], has_more: [false, plain], after: plain });

const itemPage = page(item);
const status = model({ type: plain, reason: plain });
const thread = model({
  title: plain,
  id: plain,
  created_at: plain,
  status: [{ type: 'active' }, status],
  allowed_image_domains: plain,
  // Stored, never sent: the reference answers with a fresh thread object that has none.
  metadata: [{}, () => ({})],
  items: [{}, (value) => itemPage(withoutHidden(value as Page<ThreadItem>))],
});

const withoutHidden = (items: Page<ThreadItem>): Page<ThreadItem> =>
  Array.isArray(items.data) ? { ...items, data: items.data.filter((entry) => !isHiddenItem(entry)) } : items;

const partContent = { type: plain, content_index: plain, content: assistantContent };
const workflowTask = { type: plain, task_index: plain, task };
const update = union({
  'assistant_message.content_part.added': model(partContent),
  'assistant_message.content_part.text_delta': model({ type: plain, content_index: plain, delta: plain }),
  'assistant_message.content_part.annotation_added': model({
    type: plain,
    content_index: plain,
    annotation_index: plain,
    annotation,
  }),
  'assistant_message.content_part.done': model(partContent),
  'widget.streaming_text.value_delta': model({ type: plain, component_id: plain, delta: plain, done: plain }),
  'widget.root.updated': model({ type: plain, widget: component }),
  'widget.component.updated': model({ type: plain, component_id: plain, component }),
  'workflow.task.added': model(workflowTask),
  'workflow.task.updated': model(workflowTask),
  'generated_image.updated': model({ type: plain, image: generatedImage, progress: plain }),
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
  client_effect: model({ type: plain, name: plain, data: [{}, plain] }),
  error: model({ type: plain, code: ['custom', plain], message: plain, allow_retry: [false, plain] }),
  notice: model({ type: plain, level: plain, message: plain, title: plain }),
});

/** An item as it goes over the wire: a new object, without what the protocol leaves out. */
export const toWireItem = (value: ThreadItem): ThreadItem => item(value) as ThreadItem;

/** An attachment as it goes over the wire: its `metadata` stays on the server. */
export const toWireAttachment = (value: Attachment): Attachment => attachment(value) as Attachment;

/** An update as it goes over the wire. */
export const toWireUpdate = (value: ThreadItemUpdate): ThreadItemUpdate => update(value) as ThreadItemUpdate;

/**
 * A thread as it goes over the wire: `metadata` is `{}`, hidden items are left out of its page, and a thread without
 * a page gets an empty one.
 *
 * @example
 * return Response.json(toWireThread({ ...stored.thread, items: page }));
 */
export const toWireThread = (value: ThreadMetadata | Thread): Thread => thread(value) as Thread;

/** A page of items as it goes over the wire, in the order of the reference's fields. Hidden items stay in: page first. */
export const toWirePage = <T>(value: Page<T>, entry: (value: T) => T): Page<T> =>
  page(entry as Encode)(value) as Page<T>;

/** An event as it goes over the wire: a new object, without what the protocol leaves out. */
export const toWireEvent = (value: ThreadStreamEvent): ThreadStreamEvent => event(value) as ThreadStreamEvent;

/**
 * Verb 4's payload: an event as compact JSON, as the reference writes it. Text deltas, which are most of a stream, are
 * written without walking a table.
 *
 * @example
 * serializeEvent({ type: 'progress_update', text: 'Searching' }); // '{"type":"progress_update","text":"Searching"}'
 */
export const serializeEvent = (value: ThreadStreamEvent): string => {
  if (value.type === 'thread.item.updated') {
    const { update: change } = value;
    if (change?.type === 'assistant_message.content_part.text_delta') {
      return `{"type":"thread.item.updated","item_id":${JSON.stringify(value.item_id)},"update":{"type":"assistant_message.content_part.text_delta","content_index":${change.content_index},"delta":${JSON.stringify(change.delta)}}}`;
    }
  }
  return JSON.stringify(event(value));
};
