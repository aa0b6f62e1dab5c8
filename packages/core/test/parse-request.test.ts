import { type ChatKitRequest, isStreamingRequest } from '@chatkit/core';
import { chatKitRequestSchema, parseRequest } from '@chatkit/core/schema';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
const create = (input: string) => `{"type":"threads.create","params":{"input":${input}}}`;
const content = (part: string) => create(`{"content":[{"type":"input_text","text":"ok"},${part}]}`);
const request = (type: string, params: string) => `{"type":"${type}","params":${params}}`;
const long = 'x'.repeat(201);

/** Body, the code it must get, the path it must name. */
const malformed: [body: string, code: string, path: string][] = [
  // Not JSON at all.
  ['', 'request.invalid_json', ''],
  ['{', 'request.invalid_json', ''],
  ['{"type":"threads.list",}', 'request.invalid_json', ''],
  ["{'type':'threads.list'}", 'request.invalid_json', ''],
  ['{"type":NaN}', 'request.invalid_json', ''],
  ['{"type":"threads.list"} {}', 'request.invalid_json', ''],
  ['{"type":"a\u0000b"}', 'request.invalid_json', ''],
  ['\ufeff{}', 'request.invalid_json', ''],
  ['undefined', 'request.invalid_json', ''],
  // JSON, but no object.
  ['null', 'request.invalid', ''],
  ['[]', 'request.invalid', ''],
  ['"threads.list"', 'request.invalid', ''],
  ['42', 'request.invalid', ''],
  ['true', 'request.invalid', ''],
  // Too deep.
  [nested(101), 'request.too_deep', ''],
  ['['.repeat(5000), 'request.too_deep', ''],
  [`{"a":${'{"a":'.repeat(5000)}1${'}'.repeat(5001)}`, 'request.too_deep', ''],
  [request('threads.add_client_tool_output', `{"thread_id":"t","result":${nested(99)}}`), 'request.too_deep', ''],
  // The type.
  ['{}', 'request.invalid', 'type'],
  ['{"type":null}', 'request.invalid', 'type'],
  ['{"type":7}', 'request.invalid', 'type'],
  ['{"type":["threads.list"]}', 'request.invalid', 'type'],
  ['{"type":""}', 'request.unknown_type', 'type'],
  ['{"type":"threads.destroy"}', 'request.unknown_type', 'type'],
  ['{"type":"Threads.List"}', 'request.unknown_type', 'type'],
  ['{"type":"constructor"}', 'request.unknown_type', 'type'],
  ['{"type":"threads.list\\u0000"}', 'request.invalid', 'type'],
  // The params as a whole.
  ['{"type":"threads.list"}', 'request.invalid', 'params'],
  ['{"type":"threads.create"}', 'request.invalid', 'params'],
  [request('threads.list', 'null'), 'request.invalid', 'params'],
  [request('threads.list', '[]'), 'request.invalid', 'params'],
  [request('threads.list', '"x"'), 'request.invalid', 'params'],
  ['{"type":"threads.list","params":{},"metadata":3}', 'request.invalid', 'metadata'],
  ['{"type":"threads.list","params":{},"metadata":[]}', 'request.invalid', 'metadata'],
  // Lists that would keep the schemas busy for seconds.
  [create(`{"content":[${'{},'.repeat(300_000)}{}]}`), 'request.invalid', 'params.input.content'],
  [create(`{"content":[],"attachments":[${'1,'.repeat(500_000)}1]}`), 'request.invalid', 'params.input.attachments'],
  [
    request('items.feedback', `{"thread_id":"t","kind":"positive","item_ids":[${'1,'.repeat(1_000)}1]}`),
    'request.invalid',
    'params.item_ids',
  ],
  [
    request('threads.add_structured_input', `{"input":{"answers":{"a":{"values":[${'1,'.repeat(1_000)}1]}}}}`),
    'request.invalid',
    'params.input.answers',
  ],
  // A new message.
  [create('null'), 'request.invalid', 'params.input'],
  [create('[]'), 'request.invalid', 'params.input'],
  [create('{}'), 'request.invalid', 'params.input.content'],
  [create('{"content":"hi"}'), 'request.invalid', 'params.input.content'],
  [create('{"content":null}'), 'request.invalid', 'params.input.content'],
  [content('null'), 'request.invalid', 'params.input.content[1]'],
  [content('"hi"'), 'request.invalid', 'params.input.content[1]'],
  [content('{}'), 'request.invalid', 'params.input.content[1].type'],
  [content('{"type":"output_text","text":"x"}'), 'request.invalid', 'params.input.content[1].type'],
  [content('{"type":"input_text"}'), 'request.invalid', 'params.input.content[1].text'],
  [content('{"type":"input_text","text":1}'), 'request.invalid', 'params.input.content[1].text'],
  [content('{"type":"input_text","text":["a"]}'), 'request.invalid', 'params.input.content[1].text'],
  [content('{"type":"input_text","text":"a\\u0000b"}'), 'request.invalid', 'params.input.content[1].text'],
  [content('{"type":"input_text","text":"\\ud83d"}'), 'request.invalid', 'params.input.content[1].text'],
  [content('{"type":"input_text","text":"\\udc00\\ud800"}'), 'request.invalid', 'params.input.content[1].text'],
  [content('{"type":"input_tag","text":"x"}'), 'request.invalid', 'params.input.content[1].id'],
  [content('{"type":"input_tag","id":"x"}'), 'request.invalid', 'params.input.content[1].text'],
  [content('{"type":"input_tag","id":"x","text":"x","data":[]}'), 'request.invalid', 'params.input.content[1].data'],
  [
    content('{"type":"input_tag","id":"x","text":"x","data":{"__proto__":{"admin":true}}}'),
    'request.invalid',
    'params.input.content[1].data.__proto__',
  ],
  [
    content('{"type":"input_tag","id":"x","text":"x","interactive":"yes"}'),
    'request.invalid',
    'params.input.content[1].interactive',
  ],
  [create('{"content":[],"attachments":"a"}'), 'request.invalid', 'params.input.attachments'],
  [create('{"content":[],"attachments":[{"id":"a"}]}'), 'request.invalid', 'params.input.attachments[0]'],
  [create('{"content":[],"attachments":["a",""]}'), 'request.invalid', 'params.input.attachments[1]'],
  [create(`{"content":[],"attachments":["${long}"]}`), 'request.invalid', 'params.input.attachments[0]'],
  [create('{"content":[],"quoted_text":3}'), 'request.invalid', 'params.input.quoted_text'],
  [create('{"content":[],"inference_options":[]}'), 'request.invalid', 'params.input.inference_options'],
  [create('{"content":[],"inference_options":{"model":3}}'), 'request.invalid', 'params.input.inference_options.model'],
  [
    create('{"content":[],"inference_options":{"tool_choice":"search"}}'),
    'request.invalid',
    'params.input.inference_options.tool_choice',
  ],
  [
    create('{"content":[],"inference_options":{"tool_choice":{}}}'),
    'request.invalid',
    'params.input.inference_options.tool_choice.id',
  ],
  // Ids that cannot be anybody's.
  [request('threads.get_by_id', '{}'), 'request.invalid', 'params.thread_id'],
  [request('threads.get_by_id', '{"thread_id":null}'), 'request.invalid', 'params.thread_id'],
  [request('threads.get_by_id', '{"thread_id":""}'), 'request.invalid', 'params.thread_id'],
  [request('threads.get_by_id', '{"thread_id":17}'), 'request.invalid', 'params.thread_id'],
  [request('threads.get_by_id', '{"thread_id":{"$ne":null}}'), 'request.invalid', 'params.thread_id'],
  [request('threads.get_by_id', `{"thread_id":"${long}"}`), 'request.invalid', 'params.thread_id'],
  [request('threads.get_by_id', '{"thread_id":"thr\\u0000"}'), 'request.invalid', 'params.thread_id'],
  [request('threads.get_by_id', '{"thread_id":"\\udfff"}'), 'request.invalid', 'params.thread_id'],
  [request('threads.delete', '{"threadId":"t"}'), 'request.invalid', 'params.thread_id'],
  [request('threads.update', '{"thread_id":"t"}'), 'request.invalid', 'params.title'],
  [request('threads.update', '{"thread_id":"t","title":null}'), 'request.invalid', 'params.title'],
  [request('threads.retry_after_item', '{"thread_id":"t"}'), 'request.invalid', 'params.item_id'],
  [request('threads.retry_after_item', '{"thread_id":"t","item_id":false}'), 'request.invalid', 'params.item_id'],
  [request('threads.add_user_message', '{"input":{"content":[]}}'), 'request.invalid', 'params.thread_id'],
  [request('runs.cancel', '{}'), 'request.invalid', 'params.run_id'],
  // Lists.
  [request('threads.list', '{"limit":"20"}'), 'request.invalid', 'params.limit'],
  [request('threads.list', '{"limit":-1}'), 'request.invalid', 'params.limit'],
  [request('threads.list', '{"limit":2.5}'), 'request.invalid', 'params.limit'],
  [request('threads.list', '{"limit":1e400}'), 'request.invalid', 'params.limit'],
  [request('threads.list', '{"limit":9007199254740993}'), 'request.invalid', 'params.limit'],
  [request('threads.list', '{"limit":true}'), 'request.invalid', 'params.limit'],
  [request('threads.list', '{"order":"newest"}'), 'request.invalid', 'params.order'],
  [request('threads.list', '{"order":1}'), 'request.invalid', 'params.order'],
  [request('threads.list', '{"after":{}}'), 'request.invalid', 'params.after'],
  [request('items.list', '{"order":"asc"}'), 'request.invalid', 'params.thread_id'],
  [request('items.list', '{"thread_id":"t","after":""}'), 'request.invalid', 'params.after'],
  // Tools, answers, actions, feedback.
  [request('threads.add_client_tool_output', '{"thread_id":"t"}'), 'request.invalid', 'params.result'],
  [
    request('threads.add_client_tool_output', '{"thread_id":"t","result":{"n":-1e999}}'),
    'request.invalid',
    'params.result.n',
  ],
  [
    request('threads.add_client_tool_output', '{"thread_id":"t","result":{"a b":["\\u0000"]}}'),
    'request.invalid',
    'params.result["a b"][0]',
  ],
  [
    request('threads.add_client_tool_output', '{"thread_id":"t","result":{"\\u0000":1}}'),
    'request.invalid',
    'params.result["\\u0000"]',
  ],
  [request('threads.add_structured_input', '{"thread_id":"t","item_id":"i"}'), 'request.invalid', 'params.input'],
  [
    request('threads.add_structured_input', '{"thread_id":"t","item_id":"i","input":{"status":"pending"}}'),
    'request.invalid',
    'params.input.status',
  ],
  [
    request('threads.add_structured_input', '{"thread_id":"t","item_id":"i","input":{"answers":[]}}'),
    'request.invalid',
    'params.input.answers',
  ],
  [
    request('threads.add_structured_input', '{"thread_id":"t","item_id":"i","input":{"answers":{"q":{"values":[1]}}}}'),
    'request.invalid',
    'params.input.answers.q.values[0]',
  ],
  [
    request('threads.add_structured_input', '{"thread_id":"t","item_id":"i","input":{"answers":{"__proto__":{}}}}'),
    'request.invalid',
    'params.input.answers.__proto__',
  ],
  [request('threads.custom_action', '{"thread_id":"t"}'), 'request.invalid', 'params.action'],
  [request('threads.custom_action', '{"thread_id":"t","action":"x"}'), 'request.invalid', 'params.action'],
  [request('threads.custom_action', '{"thread_id":"t","action":{}}'), 'request.invalid', 'params.action.type'],
  [
    request('threads.sync_custom_action', '{"thread_id":"t","item_id":7,"action":{"type":"x"}}'),
    'request.invalid',
    'params.item_id',
  ],
  [request('items.feedback', '{"thread_id":"t","kind":"positive"}'), 'request.invalid', 'params.item_ids'],
  [
    request('items.feedback', '{"thread_id":"t","item_ids":["a",2],"kind":"positive"}'),
    'request.invalid',
    'params.item_ids[1]',
  ],
  [request('items.feedback', '{"thread_id":"t","item_ids":[],"kind":"meh"}'), 'request.invalid', 'params.kind'],
  // Attachments and speech.
  [request('attachments.create', '{"size":1,"mime_type":"a/b"}'), 'request.invalid', 'params.name'],
  [request('attachments.create', '{"name":"a","size":"1","mime_type":"a/b"}'), 'request.invalid', 'params.size'],
  [request('attachments.create', '{"name":"a","size":-1,"mime_type":"a/b"}'), 'request.invalid', 'params.size'],
  [request('attachments.create', '{"name":"a","size":1e300,"mime_type":"a/b"}'), 'request.invalid', 'params.size'],
  [request('attachments.create', '{"name":"a","size":1}'), 'request.invalid', 'params.mime_type'],
  [request('attachments.delete', '{"attachment_id":["a"]}'), 'request.invalid', 'params.attachment_id'],
  [request('input.transcribe', '{"mime_type":"audio/webm"}'), 'request.invalid', 'params.audio_base64'],
  [request('input.transcribe', '{"audio_base64":"AA==","mime_type":5}'), 'request.invalid', 'params.mime_type'],
];

describe('parseRequest', () => {
  it(`is tested with ${malformed.length} malformed bodies`, () => {
    expect(malformed.length).toBeGreaterThanOrEqual(80);
    expect(new Set(malformed.map(([body]) => body)).size).toBe(malformed.length);
  });

  it.each(malformed)('%# refuses a body at its path', (body, code, path) => {
    const parsed = parseRequest(body);
    expect(parsed).toMatchObject({ ok: false, code, path });
    if (parsed.ok) return;
    expect(parsed.message).toMatch(path === '' ? /^The body / : /\.$/);
    expect(parsed.message).toContain(path);
    expect(parsed.message.length).toBeLessThan(500);
  });

  it('says whether a field is missing or of a wrong type', () => {
    expect(parseRequest(request('threads.get_by_id', '{}'))).toMatchObject({
      message: 'params.thread_id is missing.',
    });
    expect(parseRequest(request('threads.get_by_id', '{"thread_id":17}'))).toMatchObject({
      message: 'params.thread_id must be of type string.',
    });
  });

  it('drops unknown keys and fills in defaults, as the reference does', () => {
    const body = create('{"content":[{"type":"input_tag","id":"i","text":"t"}],"metadata":{"injected":true}}');
    expect(parseRequest(body)).toEqual({
      ok: true,
      request: {
        type: 'threads.create',
        params: {
          input: {
            content: [{ type: 'input_tag', id: 'i', text: 't', data: {}, interactive: false }],
            attachments: [],
            inference_options: {},
          },
        },
        metadata: {},
      },
    });
  });

  it('keeps nulls and depth inside free-form values', () => {
    const result = `{"a":null,"b":[null,${nested(90)}]}`;
    const parsed = parseRequest(request('threads.add_client_tool_output', `{"thread_id":"t","result":${result}}`));
    expect(parsed).toMatchObject({ ok: true, request: { params: { result: JSON.parse(result) } } });
  });

  it('counts depth outside strings only', () => {
    const text = JSON.stringify(`${'[{'.repeat(200)}\\"`);
    expect(parseRequest(content(`{"type":"input_text","text":${text}}`))).toMatchObject({ ok: true });
  });

  it('takes the bound on depth as an option', () => {
    expect(parseRequest('{"type":"threads.list","params":{}}', { maxDepth: 1 })).toMatchObject({
      code: 'request.too_deep',
    });
  });

  it('refuses what cannot be stored wherever it stands and however it is written, and nothing else', () => {
    const unit = fc.constantFrom('\0', '\ud83d', '\ude00', '😀', '\\', '"', 'u', 'e', '0', '9', '__proto__', 'é');
    const text = fc.string({ unit, maxLength: 4 });
    const number = fc.constantFrom('1e400', '-1E400', `1${'0'.repeat(308)}`, `1${'0'.repeat(309)}`, '1e2', '0.5');
    const json = (value: string, escapes: boolean) =>
      escapes
        ? `"${value.replaceAll(/./gs, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`)}"`
        : JSON.stringify(value);
    fc.assert(
      fc.property(text, fc.oneof(text, number.map(Number)), number, fc.boolean(), (key, value, digits, escapes) => {
        const written = typeof value === 'number' ? digits : json(value, escapes);
        const body = `{"type":"threads.list","params":{},"metadata":{${json(key, escapes)}:[${written}]}}`;
        const isText = (each: string) => !each.includes('\0') && Buffer.from(each).toString() === each;
        const isStorable = typeof value === 'number' ? Number.isFinite(Number(digits)) : isText(value);
        const parsed = parseRequest(body);
        expect(parsed.ok).toBe(key !== '__proto__' && isText(key) && isStorable);
      }),
      { numRuns: 1_000 },
    );
  });

  // To look for 309 digits at each of them took two seconds per MiB, in which no other request is answered.
  it('is done at once with numbers that are almost too large', () => {
    const digits = `${'1'.repeat(308)},`.repeat(200_000);
    expect(parseRequest(`{"type":"threads.list","params":{},"metadata":{"digits":"${digits}"}}`).ok).toBe(true);
  });

  it('never throws, whatever the text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.json()), (text) => {
        expect(typeof parseRequest(text).ok).toBe('boolean');
      }),
    );
  });

  it('never throws, whatever the params', () => {
    const type = fc.constantFrom('threads.create', 'threads.custom_action', 'items.feedback', 'threads.list');
    const params = fc.object({ key: fc.constantFrom('input', 'content', 'type', 'thread_id', 'action', 'limit', 'a') });
    fc.assert(
      fc.property(type, params, (name, value) => {
        const parsed = parseRequest(JSON.stringify({ type: name, params: value }));
        if (!parsed.ok) expect(parsed.path).not.toBe('');
      }),
    );
  });
});

describe('isStreamingRequest', () => {
  it('tells the six requests that answer with a stream from all others', () => {
    const types = chatKitRequestSchema.options.map((schema) => schema.shape.type.value);
    expect(types.filter((type) => isStreamingRequest({ type } as ChatKitRequest))).toEqual([
      'threads.create',
      'threads.add_user_message',
      'threads.add_client_tool_output',
      'threads.add_structured_input',
      'threads.retry_after_item',
      'threads.custom_action',
    ]);
  });
});
