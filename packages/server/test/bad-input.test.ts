// Requests that must be refused: with a status, a code and the path of the field, nothing stored, the server goes on.
import { ChatKitError, type Store } from '@chatkit/core';
import { createMemoryStore } from '@chatkit/store/memory';
import { describe, expect, test } from 'vitest';
import { ada, create, input, testServer, type User } from './support.ts';

const depth = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
const message = (more: object) => ({ type: 'threads.create', params: { input: { ...input('x'), ...more } } });
const tag = (data: unknown) => message({ content: [{ type: 'input_tag', id: 'i', text: 't', data }] });

const bodies: [name: string, body: string | object, status: number, code: string, path?: string][] = [
  ['nothing', '', 400, 'request.invalid_json'],
  ['no JSON', '{"type":', 400, 'request.invalid_json'],
  ['two documents', '{}{}', 400, 'request.invalid_json'],
  ['a single quote', "{'type':'threads.list'}", 400, 'request.invalid_json'],
  ['NaN', '{"type":"threads.list","params":{"limit":NaN}}', 400, 'request.invalid_json'],
  ['null', 'null', 400, 'request.invalid'],
  ['a list', '[]', 400, 'request.invalid'],
  ['a string', '"threads.list"', 400, 'request.invalid'],
  ['5,000 levels', depth(5_000), 400, 'request.too_deep'],
  ['5,000 levels in a tag', `{"type":"threads.create","x":${depth(5_000)}}`, 400, 'request.too_deep'],
  ['65 levels', depth(65), 400, 'request.too_deep'],
  ['2 MiB', JSON.stringify({ type: 'x'.repeat(2 * 1024 * 1024) }), 413, 'request.too_large'],
  ['no type', {}, 400, 'request.invalid', 'type'],
  ['a type that is a number', { type: 1 }, 400, 'request.invalid', 'type'],
  ['an unknown type', { type: 'threads.explode', params: {} }, 400, 'request.unknown_type', 'type'],
  ['a type of Object.prototype', { type: 'constructor', params: {} }, 400, 'request.unknown_type', 'type'],
  ['no params', { type: 'threads.create' }, 400, 'request.invalid', 'params'],
  ['params that are a list', { type: 'threads.list', params: [] }, 400, 'request.invalid', 'params'],
  ['no input', { type: 'threads.create', params: {} }, 400, 'request.invalid', 'params.input'],
  ['content that is text', message({ content: 'hi' }), 400, 'request.invalid', 'params.input.content'],
  [
    'a part without a type',
    message({ content: [{ text: 'x' }] }),
    400,
    'request.invalid',
    'params.input.content[0].type',
  ],
  [
    'a part of an unknown type',
    message({ content: [{ type: 'input_smell' }] }),
    400,
    'request.invalid',
    'params.input.content[0].type',
  ],
  [
    'text that is a number',
    message({ content: [{ type: 'input_text', text: 1 }] }),
    400,
    'request.invalid',
    'params.input.content[0].text',
  ],
  ['attachments that are text', message({ attachments: 'a' }), 400, 'request.invalid', 'params.input.attachments'],
  [
    'an attachment without an id',
    message({ attachments: [''] }),
    400,
    'request.invalid',
    'params.input.attachments[0]',
  ],
  ['tag data that is a list', tag([]), 400, 'request.invalid', 'params.input.content[0].data'],
  ['a quote that is a number', message({ quoted_text: 1 }), 400, 'request.invalid', 'params.input.quoted_text'],
  [
    'a tool choice without an id',
    message({ inference_options: { tool_choice: {} } }),
    400,
    'request.invalid',
    'params.input.inference_options.tool_choice.id',
  ],
  [
    'NUL',
    message({ content: [{ type: 'input_text', text: 'a\0b' }] }),
    400,
    'request.invalid',
    'params.input.content[0].text',
  ],
  [
    'half a surrogate pair',
    '{"type":"threads.update","params":{"thread_id":"t","title":"\\ud800"}}',
    400,
    'request.invalid',
    'params.title',
  ],
  [
    'a key __proto__',
    `{"type":"threads.create","params":{"input":{"content":[{"type":"input_tag","id":"i","text":"t","data":{"__proto__":{"x":1}}}]}}}`,
    400,
    'request.invalid',
    'params.input.content[0].data.__proto__',
  ],
  ['a number beyond all', '{"type":"threads.list","params":{"limit":1e999}}', 400, 'request.invalid', 'params.limit'],
  ['a negative limit', { type: 'threads.list', params: { limit: -1 } }, 400, 'request.invalid', 'params.limit'],
  ['half a limit', { type: 'threads.list', params: { limit: 1.5 } }, 400, 'request.invalid', 'params.limit'],
  [
    'an order of neither kind',
    { type: 'threads.list', params: { order: 'up' } },
    400,
    'request.invalid',
    'params.order',
  ],
  [
    'an empty thread id',
    { type: 'threads.get_by_id', params: { thread_id: '' } },
    400,
    'request.invalid',
    'params.thread_id',
  ],
  [
    'a thread id of 1,000 letters',
    { type: 'threads.get_by_id', params: { thread_id: 'x'.repeat(1_000) } },
    400,
    'request.invalid',
    'params.thread_id',
  ],
  [
    'a title that is null',
    { type: 'threads.update', params: { thread_id: 't', title: null } },
    400,
    'request.invalid',
    'params.title',
  ],
  [
    'an action without a type',
    { type: 'threads.custom_action', params: { thread_id: 't', action: {} } },
    400,
    'request.invalid',
    'params.action.type',
  ],
  [
    'feedback of a third kind',
    { type: 'items.feedback', params: { thread_id: 't', item_ids: [], kind: 'meh' } },
    400,
    'request.invalid',
    'params.kind',
  ],
  [
    'a size that is negative',
    { type: 'attachments.create', params: { name: 'n', size: -1, mime_type: 'm' } },
    400,
    'request.invalid',
    'params.size',
  ],
  [
    'answers that are a list',
    { type: 'threads.add_structured_input', params: { thread_id: 't', item_id: 'i', input: { answers: [] } } },
    400,
    'request.invalid',
    'params.input.answers',
  ],
  [
    'a run id that is a number',
    { type: 'runs.cancel', params: { run_id: 7 } },
    400,
    'request.invalid',
    'params.run_id',
  ],
  ['a missing thread', { type: 'threads.get_by_id', params: { thread_id: 'thr_none' } }, 404, 'thread.not_found'],
  [
    'a missing thread, streaming',
    { type: 'threads.add_user_message', params: { thread_id: 'thr_none', input: input('x') } },
    404,
    'thread.not_found',
  ],
  [
    'a thread called __proto__',
    { type: 'threads.get_by_id', params: { thread_id: '__proto__' } },
    404,
    'thread.not_found',
  ],
  ['a cursor that is not there', { type: 'threads.list', params: { after: 'thr_none' } }, 404, 'thread.not_found'],
];

test.each(bodies)('%s', async (_, body, status, code, path) => {
  const t = testServer();
  const response = await t.raw(typeof body === 'string' ? body : JSON.stringify(body));
  const { error } = await response.json();
  expect({ status: response.status, code: error.code, path: error.details?.path }).toEqual({ status, code, path });
  if (path !== undefined) expect(error.message).toContain(path);
  expect(error.message).not.toMatch(/\n|\bat\b .*:\d+:\d+/);
  expect(typeof error.retryable).toBe('boolean');
  expect(response.headers.get('content-type')).toBe('application/json');
  expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  expect((await t.store.listThreads({ limit: 10, order: 'asc' }, ada)).data).toEqual([]);
  expect(t.errors).toEqual([]);
  await t.create();
});

describe('HTTP', () => {
  const url = 'http://test/chatkit';
  const ask = (init: RequestInit, options = {}) => testServer(options).server.handle(new Request(url, init), ada);
  const body = JSON.stringify(create());

  test.each([
    ['text/plain', 415],
    ['application/x-www-form-urlencoded', 415],
    ['multipart/form-data; boundary=x', 415],
    ['application/jsonx', 415],
    ['', 415],
    ['application/json', 200],
    ['Application/JSON; charset=utf-8', 200],
  ])('content type %j is %i', async (type, status) => {
    expect((await ask({ method: 'POST', headers: { 'content-type': type }, body })).status).toBe(status);
  });

  test('a compressed body is refused', async () => {
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    expect((await ask({ method: 'POST', headers, body })).status).toBe(415);
  });

  test.each(['PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS'])('%s is not allowed', async (method) => {
    const response = await ask({ method });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('GET, POST');
  });

  test('bytes that are no UTF-8 are refused', async () => {
    const headers = { 'content-type': 'application/json' };
    const response = await ask({ method: 'POST', headers, body: new Uint8Array([0x22, 0xff, 0x22]) });
    expect([response.status, (await response.json()).error.code]).toEqual([400, 'request.invalid_json']);
  });

  test('a body without a length is counted while it arrives, and reading stops at the limit', async () => {
    let pulled = 0;
    const endless = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          pulled += 1;
          controller.enqueue(new Uint8Array(64 * 1024).fill(0x20));
        },
      },
      { highWaterMark: 0 },
    );
    const t = testServer({ maxBodyBytes: 256 * 1024 });
    expect((await t.raw(endless)).status).toBe(413);
    expect(pulled).toBeLessThanOrEqual(6);
  });

  test('a body that a runtime has no stream of is read as a whole, within the limit', async () => {
    const t = testServer({ maxBodyBytes: 1_000 });
    const post = (text: string) => {
      const request = new Request('http://test/chatkit', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(create(text)),
      });
      Object.defineProperty(request, 'body', { value: undefined });
      return t.server.handle(request, ada);
    };
    expect((await post('hi')).status).toBe(200);
    expect((await post('x'.repeat(1_000))).status).toBe(413);
  });

  test('the largest body that is allowed is read', async () => {
    const t = testServer({ maxBodyBytes: 1_000 });
    const padded = (length: number) => body + ' '.repeat(length - body.length);
    expect((await t.raw(padded(1_000))).status).toBe(200);
    expect((await t.raw(padded(1_001))).status).toBe(413);
  });

  describe('with allowedOrigins', () => {
    const options = { allowedOrigins: ['https://app.test'] };
    const post = (origin?: string) =>
      ask(
        { method: 'POST', headers: { 'content-type': 'application/json', ...(origin && { origin }) }, body },
        options,
      );

    test.each([
      ['https://app.test', 200, 'https://app.test'],
      [undefined, 200, null],
      ['https://evil.test', 403, null],
      ['null', 403, null],
      ['https://app.test.evil.test', 403, null],
      ['http://app.test', 403, null],
    ])('%s is %i', async (origin, status, allowed) => {
      const response = await post(origin);
      expect(response.status).toBe(status);
      expect(response.headers.get('access-control-allow-origin')).toBe(allowed);
      expect(response.headers.get('vary')).toBe('origin');
    });

    test('a browser that asks first is told exactly our headers', async () => {
      const response = await ask({ method: 'OPTIONS', headers: { origin: 'https://app.test' } }, options);
      expect(response.status).toBe(204);
      expect(response.headers.get('access-control-allow-headers')).toContain('chatkit-run-id');
      expect(response.headers.get('access-control-allow-headers')).not.toContain('*');
      expect((await ask({ method: 'OPTIONS', headers: { origin: 'https://evil.test' } }, options)).status).toBe(403);
    });
  });

  test.each([undefined, ['https://app.test']])(
    'a page that may read an answer may read our headers, whoever lets it in (allowedOrigins: %j)',
    async (allowedOrigins) => {
      const headers = { 'content-type': 'application/json', origin: 'https://app.test', 'chatkit-client': '1' };
      const response = await ask({ method: 'POST', headers, body }, { allowedOrigins });
      const exposed = response.headers.get('access-control-expose-headers')?.split(', ');
      const own = [...response.headers.keys()].filter((name) => name.startsWith('chatkit-'));
      expect(own).toContain('chatkit-run-id');
      expect(exposed).toEqual(expect.arrayContaining(own));
    },
  );
});

test.each([
  ['localhost:3000', 200],
  ['[::1]:3000', 200],
  ['evil.test', 403],
  ['localhost.evil.test:3000', 403],
  ['localhost@evil.test', 403],
])('with allowedHosts, %s is %i', async (host, status) => {
  const t = testServer({ allowedHosts: ['localhost', '[::1]'] });
  expect((await t.raw(JSON.stringify(create()), { headers: { host } })).status).toBe(status);
});

test('a message that its store has no room for is refused with a code, and nothing of it is kept', async () => {
  const store = createMemoryStore<User>();
  const saveItem: Store<User>['saveItem'] = async () => {
    throw new ChatKitError('event.too_large', 'A row of 3 bytes does not fit.', { details: { maxBytes: 2 } });
  };
  const small = withSaving(store, saveItem);
  const t = testServer({ store: small });
  expect(await t.json(create())).toMatchObject({ status: 413, error: { code: 'event.too_large', retryable: false } });
  expect((await store.listThreads({ limit: 10, order: 'desc' }, ada)).data).toEqual([]);
  expect(t.errors).toEqual([]);
});

/** The same store, in and out of transactions, with another way to save items. */
const withSaving = (store: Store<User>, saveItem: Store<User>['saveItem']): Store<User> => ({
  ...store,
  saveItem,
  transaction: (work, context) => store.transaction((inner) => work(withSaving(inner, saveItem)), context),
});

test('no request pollutes the prototype of objects', async () => {
  const t = testServer();
  for (const key of ['__proto__', 'constructor', 'prototype']) {
    await t.raw(
      `{"type":"threads.create","params":{"input":{"content":[{"type":"input_tag","id":"i","text":"t","data":{"${key}":{"polluted":1}}}],"inference_options":{"${key}":{"polluted":1}}}}}`,
    );
  }
  expect(({} as { polluted?: number }).polluted).toBeUndefined();
  expect((Object as unknown as { polluted?: number }).polluted).toBeUndefined();
});
