/**
 * Threads, items and attachments for the store kit: one of each type, with every field filled in that a store might
 * lose.
 */
import type { Attachment, ThreadItem, ThreadMetadata } from '@chatkit/core';

/** The second of `n`, as the timestamp of an entry. */
export const at = (n: number): string => new Date(Date.UTC(2026, 0, 1, 0, 0, n)).toISOString();

export const threadOf = (id: string, fields: Partial<ThreadMetadata> = {}): ThreadMetadata => ({
  id,
  created_at: at(0),
  status: { type: 'active' },
  metadata: {},
  ...fields,
});

export const messageOf = (thread_id: string, id: string, created_at = at(0), text = id): ThreadItem => ({
  type: 'assistant_message',
  id,
  thread_id,
  created_at,
  content: [{ type: 'output_text', text, annotations: [] }],
});

export const fileAttachment = (id: string): Attachment => ({
  type: 'file',
  id,
  name: 'report.pdf',
  mime_type: 'application/pdf',
  upload_descriptor: { url: 'https://files.example/1', method: 'PUT', headers: { 'x-token': 'abc' } },
  metadata: { source: 'mail', pages: [1, 2, null] },
});

export const imageAttachment = (id: string): Attachment => ({
  type: 'image',
  id,
  name: 'cat.png',
  mime_type: 'image/png',
  preview_url: 'data:image/png;base64,AAAA',
  thread_id: 'thr_any',
  metadata: { width: 640 },
});

/** One item of every type. */
export const everyItem = (thread_id: string): ThreadItem[] => {
  const base = (id: string) => ({ id, thread_id, created_at: at(0) });
  return [
    {
      ...base('user'),
      type: 'user_message',
      content: [
        { type: 'input_text', text: 'What is this? 👩‍👩‍👧' },
        { type: 'input_tag', id: 'tag', text: '@cat', data: { kind: null }, group: 'pets', interactive: true },
      ],
      attachments: [fileAttachment('file'), imageAttachment('image')],
      quoted_text: 'quoted',
      inference_options: { model: 'm', tool_choice: { id: 'search' } },
    },
    {
      ...base('assistant'),
      type: 'assistant_message',
      content: [
        {
          type: 'output_text',
          text: 'A cat.',
          annotations: [
            { type: 'annotation', index: 2, source: { type: 'url', title: 'Cats', url: 'https://c.example' } },
          ],
        },
      ],
    },
    {
      ...base('tool'),
      type: 'client_tool_call',
      status: 'completed',
      call_id: 'call_1',
      name: 'lookup',
      arguments: { a: null, b: [null, { c: null }] },
      output: null,
    },
    {
      ...base('widget'),
      type: 'widget',
      widget: { type: 'Card', children: [{ type: 'Text', id: 't', value: 'Hello', unknownProp: { kept: true } }] },
      copy_text: 'Hello',
    },
    { ...base('picture'), type: 'generated_image', image: { id: 'img', url: 'https://i.example/1.png' } },
    {
      ...base('input'),
      type: 'structured_input',
      status: 'answered',
      inputs: [
        {
          type: 'multiple_choice',
          id: 'q',
          question: 'Which?',
          options: [{ value: 'one' }],
          multiple: false,
          answer: { values: ['two'], skipped: false },
        },
        { type: 'freeform', id: 'f', question: 'Why?', description: 'Say more' },
      ],
    },
    { ...base('task'), type: 'task', task: { type: 'custom', title: 'Do', status_indicator: 'loading' } },
    {
      ...base('workflow'),
      type: 'workflow',
      workflow: {
        type: 'reasoning',
        tasks: [{ type: 'thought', content: 'Hm.', status_indicator: 'none' }],
        summary: { duration: 3 },
        expanded: false,
      },
    },
    { ...base('end'), type: 'end_of_turn' },
    { ...base('hidden'), type: 'hidden_context_item', content: { for: ['the', 'model', null] } },
    { ...base('sdk_hidden'), type: 'sdk_hidden_context', content: 'The user cancelled the stream.' },
  ];
};

/**
 * A text that is the same for equal JSON, whatever the order of keys. A store may reorder keys but must not lose any,
 * `__proto__` included, which the equality checks of test runners overlook.
 */
export const canonical = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'undefined';
  const entries = Object.keys(value)
    .filter((key) => (value as Record<string, unknown>)[key] !== undefined)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonical(Object.getOwnPropertyDescriptor(value, key)?.value)}`);
  return `{${entries.join()}}`;
};

/** JSON that a careless store would damage. */
export const oddJson: readonly (readonly [string, unknown])[] = [
  ['nulls at every depth', { a: null, b: [null, { c: null }], d: {} }],
  ['a key named __proto__', JSON.parse('{"__proto__": {"polluted": true}, "x": {"__proto__": null}}')],
  ['keys of Object.prototype', { constructor: 1, toString: 2, hasOwnProperty: 3, '': 4 }],
  ['NUL in texts and keys', { text: 'a\0b', 'k\0': 1 }],
  ['lone surrogates', { high: 'a\ud83d', low: '\ude00b', 'k\ud800': 1 }],
  ['text of all planes', { text: 'naïve ﬁ 漢字 👩‍👩‍👧 \u2028\u2029\u0085\ufeff', control: '\u0001\u001b\u007f' }],
  ['quotes and placeholders', { "it's": '"', $1: '?1 :name %s \\u0000 \\', '; DROP TABLE item; --': true }],
  ['numbers at the limits', [0, 1e308, 5e-324, 2 ** 53 - 1, -(2 ** 53 - 1), 1e21, 0.1, -1.5]],
  ['texts that look like something else', ['null', 'true', '1', '2026-01-01T00:00:00Z', '{}', '[]', '']],
  ['deep nesting', JSON.parse(`${'['.repeat(60)}1${']'.repeat(60)}`)],
  ['a long text', { text: 'x'.repeat(1_000_000) }],
];
