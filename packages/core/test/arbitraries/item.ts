/** Arbitraries of everything an item is made of, in the form that the schemas give out: defaults are there. */
import type {
  Annotation,
  AssistantMessageContent,
  Attachment,
  FileSource,
  GeneratedImage,
  Source,
  StructuredInput,
  Task,
  ThreadItem,
  ThreadItemOf,
  UrlSource,
  UserMessageContent,
  WidgetComponent,
  WidgetRoot,
  Workflow,
} from '@chatkit/core';
import fc from 'fast-check';
import { json, jsonObject, jsonWithoutNulls, record, text, timestamp } from './json.ts';

/** Few ids, so that events meet. */
export const itemId: fc.Arbitrary<string> = fc.constantFrom('msg_1', 'msg_2', 'msg_3', 'wf_1', 'wdg_1');

/** Few ids of widget components. */
export const componentId: fc.Arbitrary<string> = fc.constantFrom('a', 'b', 'c');

const sourceOptions = { description: text(), timestamp: text(), group: text() };
const fileSource: fc.Arbitrary<FileSource> = record(
  { type: fc.constant('file' as const), title: text(), filename: text() },
  sourceOptions,
);
const urlSource: fc.Arbitrary<UrlSource> = record(
  { type: fc.constant('url' as const), title: text(), url: fc.webUrl() },
  { ...sourceOptions, attribution: text() },
);
const source: fc.Arbitrary<Source> = fc.oneof<fc.Arbitrary<Source>[]>(
  fileSource,
  urlSource,
  record(
    { type: fc.constant('entity' as const), title: text(), id: text(), interactive: fc.boolean(), data: jsonObject },
    { ...sourceOptions, icon: text(), label: text(), inline_label: text(), preview: fc.constant('lazy') },
  ),
);

export const annotation: fc.Arbitrary<Annotation> = record(
  { type: fc.constant('annotation' as const), source },
  { index: fc.nat(1000) },
);

export const assistantContent: fc.Arbitrary<AssistantMessageContent> = record({
  type: fc.constant('output_text' as const),
  text: text(),
  annotations: fc.array(annotation, { maxLength: 2 }),
});

const userContent: fc.Arbitrary<UserMessageContent> = fc.oneof<fc.Arbitrary<UserMessageContent>[]>(
  record({ type: fc.constant('input_text' as const), text: text() }),
  record(
    { type: fc.constant('input_tag' as const), id: text(), text: text(), data: jsonObject, interactive: fc.boolean() },
    { group: text() },
  ),
);

const attachmentBase = { id: text(), name: text(), mime_type: text() };
const attachmentOptions = {
  upload_descriptor: record({
    url: fc.webUrl(),
    method: fc.constantFrom('POST' as const, 'PUT' as const),
    headers: fc.dictionary(
      text({ minLength: 1 }).filter((name) => name !== '__proto__'),
      text(),
      {
        maxKeys: 2,
        noNullPrototype: true,
      },
    ),
  }),
  thread_id: text(),
};
/** An attachment without `metadata`, which never goes over the wire. */
export const attachment: fc.Arbitrary<Attachment> = fc.oneof<fc.Arbitrary<Attachment>[]>(
  record({ type: fc.constant('file' as const), ...attachmentBase }, attachmentOptions),
  record({ type: fc.constant('image' as const), ...attachmentBase, preview_url: fc.webUrl() }, attachmentOptions),
);

const taskBase = { status_indicator: fc.constantFrom('none' as const, 'loading' as const, 'complete' as const) };
export const task: fc.Arbitrary<Task> = fc.oneof<fc.Arbitrary<Task>[]>(
  record({ type: fc.constant('custom' as const), ...taskBase }, { title: text(), icon: text(), content: text() }),
  record(
    {
      type: fc.constant('web_search' as const),
      ...taskBase,
      queries: fc.array(text(), { maxLength: 2 }),
      sources: fc.array(urlSource, { maxLength: 2 }),
    },
    { title: text(), title_query: text() },
  ),
  record({ type: fc.constant('thought' as const), ...taskBase, content: text() }, { title: text() }),
  record(
    { type: fc.constant('file' as const), ...taskBase, sources: fc.array(fileSource, { maxLength: 2 }) },
    { title: text() },
  ),
  record({ type: fc.constant('image' as const), ...taskBase }, { title: text() }),
);

const workflow: fc.Arbitrary<Workflow> = record(
  {
    type: fc.constantFrom('custom' as const, 'reasoning' as const),
    tasks: fc.array(task, { maxLength: 3 }),
    expanded: fc.boolean(),
  },
  {
    summary: fc.oneof(record({ title: text() }, { icon: text() }), record({ duration: fc.nat() })),
  },
);

export const generatedImage: fc.Arbitrary<GeneratedImage> = record({ id: text(), url: fc.webUrl() });

const answer = { answer: record({ values: fc.array(text(), { maxLength: 2 }), skipped: fc.boolean() }) };
const structuredInput: fc.Arbitrary<StructuredInput> = fc.oneof<fc.Arbitrary<StructuredInput>[]>(
  record(
    {
      type: fc.constant('multiple_choice' as const),
      id: text(),
      question: text(),
      options: fc.array(record({ value: text() }), { maxLength: 3 }),
      multiple: fc.boolean(),
    },
    answer,
  ),
  record({ type: fc.constant('freeform' as const), id: text(), question: text() }, { ...answer, description: text() }),
);

/** A component: streaming text with or without an id, containers of one child or many, and others with any props. */
export const widgetComponent: fc.Arbitrary<WidgetComponent> = fc.letrec<{ component: WidgetComponent }>((tie) => ({
  component: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    record(
      { type: fc.constantFrom('Text', 'Markdown'), value: text() },
      { id: componentId, key: text(), streaming: fc.boolean(), weight: fc.constantFrom('bold', 'normal') },
    ),
    record({ type: fc.constantFrom('Badge', 'Button') }, { id: componentId, props: jsonWithoutNulls, label: text() }),
    record(
      { type: fc.constantFrom('Row', 'Col', 'Box'), children: fc.array(tie('component'), { maxLength: 3 }) },
      { id: componentId, gap: fc.nat(9) },
    ),
    record({ type: fc.constant('Transition'), children: tie('component') }),
  ) as fc.Arbitrary<WidgetComponent>,
})).component;

export const widgetRoot: fc.Arbitrary<WidgetRoot> = record(
  {
    type: fc.constantFrom('Card' as const, 'ListView' as const, 'Basic' as const),
    children: fc.oneof(fc.array(widgetComponent, { maxLength: 3 }), widgetComponent),
  },
  { id: componentId, key: text(), size: fc.constantFrom('sm', 'lg') },
) as fc.Arbitrary<WidgetRoot>;

const itemTypes = [
  'user_message',
  'assistant_message',
  'client_tool_call',
  'widget',
  'generated_image',
  'structured_input',
  'task',
  'workflow',
  'end_of_turn',
  'hidden_context_item',
  'sdk_hidden_context',
] as const satisfies ThreadItem['type'][];

type AnyItem = { [T in ThreadItem['type']]: fc.Arbitrary<ThreadItemOf<T>> };

/** An arbitrary for each type of item. `id` and `thread_id` can be fixed. */
export const itemsOf = (id: fc.Arbitrary<string> = itemId, threadId = 'thr_1'): AnyItem => {
  const base = { id, thread_id: fc.constant(threadId), created_at: timestamp };
  const type = <T extends string>(name: T) => ({ type: fc.constant(name), ...base });
  return {
    user_message: record(
      {
        ...type('user_message'),
        content: fc.array(userContent, { maxLength: 3 }),
        attachments: fc.array(attachment, { maxLength: 2 }),
        inference_options: record({}, { tool_choice: record({ id: text() }), model: text() }),
      },
      { quoted_text: text() },
    ),
    assistant_message: record({
      ...type('assistant_message'),
      content: fc.array(assistantContent, { maxLength: 3 }),
    }),
    client_tool_call: record(
      {
        ...type('client_tool_call'),
        status: fc.constantFrom('pending' as const, 'completed' as const),
        call_id: text(),
        name: text(),
        arguments: jsonObject,
      },
      { output: json.filter((value) => value !== null) },
    ),
    widget: record({ ...type('widget'), widget: widgetRoot }, { copy_text: text() }),
    generated_image: record(type('generated_image'), { image: generatedImage }),
    structured_input: record({
      ...type('structured_input'),
      status: fc.constantFrom('pending' as const, 'answered' as const, 'skipped' as const),
      inputs: fc.array(structuredInput, { maxLength: 3 }),
    }),
    task: record({ ...type('task'), task }),
    workflow: record({ ...type('workflow'), workflow }),
    end_of_turn: record(type('end_of_turn')),
    hidden_context_item: record({
      ...type('hidden_context_item'),
      content: json.filter((value) => value !== null),
    }),
    sdk_hidden_context: record({ ...type('sdk_hidden_context'), content: text() }),
  } as AnyItem;
};

/** Any item. */
export const threadItem = (id?: fc.Arbitrary<string>, threadId?: string): fc.Arbitrary<ThreadItem> => {
  const items = itemsOf(id, threadId);
  return fc.oneof<fc.Arbitrary<ThreadItem>[]>(...itemTypes.map((name) => items[name]));
};

/** Any item that a client may see. */
export const visibleItem = (id?: fc.Arbitrary<string>, threadId?: string): fc.Arbitrary<ThreadItem> =>
  threadItem(id, threadId).filter((item) => item.type !== 'hidden_context_item' && item.type !== 'sdk_hidden_context');
