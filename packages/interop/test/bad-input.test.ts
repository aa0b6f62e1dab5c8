// Whatever a front end sends, the answer is its events or an error with a code, and the fault is never the server's.
import { ChatKitError } from '@chatkit/core';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createAgUiHandler } from '../src/ag-ui/index.ts';
import { createUiMessageHandler } from '../src/ui-message/index.ts';
import { message, type Respond, scriptedServer } from './scripted-server.ts';

const respond: Respond = async function* (thread) {
  yield* message(thread, `m${crypto.randomUUID()}`, 'ok');
};
const { server } = scriptedServer(respond);
const guarded = scriptedServer(respond, {
  allowedHosts: ['localhost'],
  allowedOrigins: ['http://localhost:3000'],
}).server;

describe.each([
  [
    'AG-UI',
    createAgUiHandler(server, { maxBodyBytes: 2 ** 20 }),
    createAgUiHandler(guarded),
    (broken: typeof server) => createAgUiHandler(broken),
    (last: unknown) => ({ threadId: 't', runId: 'r', messages: [last] }),
  ],
  [
    'UI messages',
    createUiMessageHandler(server, { maxBodyBytes: 2 ** 20 }),
    createUiMessageHandler(guarded),
    (broken: typeof server) => createUiMessageHandler(broken),
    (last: unknown) => ({ id: 'c', messages: [last] }),
  ],
])('%s', (_name, handle, guard, over, conversation) => {
  const post = async (body: string, headers: Record<string, string> = { 'content-type': 'application/json' }) => {
    const response = await handle(new Request('http://chat.invalid/', { method: 'POST', headers, body }), 'user');
    const text = await response.text();
    return { status: response.status, text, code: response.ok ? undefined : JSON.parse(text).error.code };
  };

  test.each([
    ['a host', { host: 'evil.example' }, 'request.forbidden_origin'],
    ['an origin', { host: 'localhost:3000', origin: 'https://evil.example' }, 'request.forbidden_origin'],
  ])('%s that the server does not take is refused here, too', async (_what, headers, code) => {
    const body = JSON.stringify(conversation({ role: 'user', content: 'Hi', parts: [{ type: 'text', text: 'Hi' }] }));
    const post = (more: Record<string, string>) =>
      guard(
        new Request('http://chat.invalid/', {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...more },
          body,
        }),
        'user',
      );
    const response = await post(headers);
    expect([response.status, (await response.json()).error.code]).toEqual([403, code]);
    const taken = await post({ host: 'localhost:3000', origin: 'http://localhost:3000' });
    expect(taken.status).toBe(200);
    await taken.text();
  });

  test('another method is refused', async () => {
    const response = await handle(new Request('http://chat.invalid/', { method: 'PUT' }), 'user');
    expect([response.status, await response.json()]).toMatchObject([
      405,
      { error: { code: 'request.method_not_allowed' } },
    ]);
  });

  test('a body that a form could send is refused', async () => {
    expect(await post('{}', { 'content-type': 'text/plain' })).toMatchObject({
      status: 415,
      code: 'request.unsupported_media_type',
    });
  });

  test.each(['', '{', '\u0000'])('what is not JSON is refused: %j', async (body) => {
    expect(await post(body)).toMatchObject({ status: 400, code: 'request.invalid_json' });
  });

  test('a body that a runtime has no stream of is read as a whole', async () => {
    const body = JSON.stringify(conversation({ role: 'user', content: 'Hi', parts: [{ type: 'text', text: 'Hi' }] }));
    const headers = { 'content-type': 'application/json' };
    const request = new Request('http://chat.invalid/', { method: 'POST', headers, body });
    Object.defineProperty(request, 'body', { value: undefined });
    expect(await (await handle(request, 'user')).text()).toContain('ok');
  });

  test('the bound of the body is in bytes', async () => {
    const whole = JSON.stringify(conversation({ role: 'user', content: 'Hi', parts: [] }));
    expect(await post(whole.padEnd(2 ** 20))).toMatchObject({ status: 200 });
    expect(await post(whole.padEnd(2 ** 20 + 1))).toMatchObject({ status: 413 });
    const body = JSON.stringify(conversation({ role: 'user', content: 'é'.repeat(600_000) }));
    expect(await post(body)).toMatchObject({ status: 413, code: 'request.too_large' });
  });

  test('what names no conversation, or has no messages, is refused before the server hears of it', async () => {
    const whole: Record<string, unknown> = conversation({ role: 'user', content: 'Hi', parts: [] });
    // Names are remembered: a server that remembers 10,000 of 8 MiB has no memory left.
    for (const name of Object.keys(whole))
      for (const value of [undefined, null, 1, {}, 'x'.repeat(1_001)])
        expect(await post(JSON.stringify({ ...whole, [name]: value }))).toMatchObject({
          status: 400,
          code: 'request.invalid',
          text: expect.stringContaining(' are required.'),
        });
    expect(
      await post(JSON.stringify({ ...whole, [Object.keys(whole)[0] as string]: 'x'.repeat(1_000) })),
    ).toMatchObject({
      status: 200,
    });
  });

  test('no answer can be loaded as a script, sniffed, embedded elsewhere or served from a cache', async () => {
    const hi = JSON.stringify(conversation({ role: 'user', content: 'Hi', parts: [{ type: 'text', text: 'Hi' }] }));
    const headers = { 'content-type': 'application/json' };
    const answers = [
      await handle(new Request('http://chat.invalid/', { method: 'POST', headers, body: hi }), 'user'),
      await handle(new Request('http://chat.invalid/', { method: 'POST', headers, body: '{' }), 'user'),
      // For a page that comes back; AG-UI refuses it.
      await handle(new Request('http://chat.invalid/?id=c'), 'user'),
    ];
    for (const { headers } of answers) {
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
      expect(headers.get('cache-control')).toMatch(/^no-(?:store|cache, no-transform)$/);
    }
    for (const answer of answers) await answer.text();
  });

  test('what goes wrong on the server is told without its details', async () => {
    const secret = new Error('secret');
    const printed = vi.spyOn(console, 'error').mockImplementation(() => {});
    onTestFinished(() => printed.mockRestore());
    const response = await over({ handle: () => Promise.reject(secret) } as never)(
      new Request('http://chat.invalid/', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(conversation({ role: 'user', content: 'Hi', parts: [] })),
      }),
      'user',
    );
    const message = 'Something went wrong on the server.';
    expect(response.status).toBe(500);
    expect(await response.json()).toEqual({ error: { code: 'internal', message, retryable: true } });
    expect(printed.mock.calls).toEqual([['chatkit:', secret]]);
    expect((await post('{')).status).toBe(400);
    expect(printed).toHaveBeenCalledTimes(1);
  });

  test('no JSON is the fault of the server', async () => {
    const message = fc.oneof(
      fc.jsonValue(),
      fc.record({
        role: fc.constantFrom('user', 'tool', 'assistant'),
        content: fc.jsonValue(),
        parts: fc.oneof(fc.jsonValue(), fc.array(fc.jsonValue())),
      }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.jsonValue(),
          message.map((last): unknown => conversation(last)),
        ),
        async (body) => {
          const { status, code } = await post(JSON.stringify(body));
          expect(code === undefined ? status === 200 : status >= 400 && status < 500).toBe(true);
        },
      ),
    );
  });
});

/** The outputs of tools, as each front end sends them. */
const outputs = [
  [
    'AG-UI',
    createAgUiHandler(server),
    (id: string, all: readonly { toolCallId?: unknown; output: string }[]) =>
      JSON.stringify({
        threadId: 'deep',
        runId: 'r'.repeat(1_000),
        messages: all.map(({ toolCallId, output }) => ({ role: 'tool', id, toolCallId, content: output })),
      }),
  ],
  [
    'UI messages',
    createUiMessageHandler(server),
    (id: string, all: readonly { toolCallId?: unknown; output: string }[]) => {
      const parts = all.map(
        ({ toolCallId, output }) =>
          `{"state":"output-available","toolCallId":${JSON.stringify(toolCallId ?? null)},"output":${output}}`,
      );
      return `{"id":"deep","messages":[{"role":"assistant","id":${JSON.stringify(id)},"parts":[${parts.join()}]}]}`;
    },
  ],
] as const;

describe.each(outputs)('outputs of tools, by %s', (_name, handle, bodyOf) => {
  const post = async (body: string) => {
    const headers = { 'content-type': 'application/json' };
    const response = await handle(new Request('http://chat.invalid/', { method: 'POST', headers, body }), 'user');
    const text = await response.text();
    return { status: response.status, code: response.ok ? undefined : JSON.parse(text).error.code };
  };
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);

  test('what is nested deeper than the stack allows is the fault of the client', async () => {
    const hi = { role: 'user', id: 'm', content: 'Hi', parts: [{ type: 'text', text: 'Hi' }] };
    expect(await post(JSON.stringify({ threadId: 'deep', runId: 'r', id: 'deep', messages: [hi] }))).toMatchObject({
      status: 200,
    });
    for (const depth of [65, 20_000])
      expect(await post(bodyOf('m2', [{ toolCallId: 'c', output: nested(depth) }]))).toEqual({
        status: 400,
        code: 'request.too_deep',
      });
    const deepId = bodyOf('m2', [{ toolCallId: 'deep id', output: '1' }]).replace('"deep id"', nested(20_000));
    expect(await post(deepId)).toEqual({ status: 409, code: 'item.not_pending' });
  });

  test('an id that is said once is not written out for each of many outputs', async () => {
    const body = bodyOf(
      'x'.repeat(1_000),
      Array.from({ length: 300 }, () => ({ output: '1' })),
    );
    const { stringify } = JSON;
    let written = 0;
    const counted = vi.spyOn(JSON, 'stringify').mockImplementation((...given: Parameters<typeof stringify>) => {
      const text = stringify(...given);
      written += text?.length ?? 0;
      return text;
    });
    onTestFinished(() => counted.mockRestore());
    expect((await post(body)).status).toBeLessThan(500);
    expect(written).toBeLessThan(2 * body.length);
  });
});

test.each([
  ['another host', { host: 'evil.example' }, 403, 0],
  ['another origin', { host: 'localhost:3000', origin: 'https://evil.example' }, 403, 0],
  ['its own page', { host: 'localhost:3000', origin: 'http://localhost:3000' }, 404, 1],
])(
  'the files of %s are handed to the application only if the server takes its requests',
  async (_what, from, status, count) => {
    let attached = 0;
    const handle = createUiMessageHandler(guarded, {
      attach: () => {
        attached += 1;
        return 'none';
      },
    });
    const parts = [{ type: 'file', mediaType: 'image/png', url: 'data:' }];
    const body = JSON.stringify({ id: 'files', messages: [{ role: 'user', id: 'm', parts }] });
    const headers = { 'content-type': 'application/json', ...(from as Record<string, string>) };
    const response = await handle(new Request('http://chat.invalid/', { method: 'POST', headers, body }), 'user');
    await response.text();
    expect([response.status, attached]).toEqual([status, count]);
  },
);

test.each([
  [1_000, 1_000, 404, 'attachment.not_found'],
  [1_001, 0, 400, 'request.invalid'],
])('of a message with %i files, %i are handed to the application', async (count, expected, status, code) => {
  let attached = 0;
  const handle = createUiMessageHandler(server, {
    attach: () => {
      attached += 1;
      // The server does not know it, which comes later.
      return 'none';
    },
  });
  const parts = Array.from({ length: count }, () => ({ type: 'file', mediaType: 'image/png', url: 'data:' }));
  const body = JSON.stringify({ id: 'files', messages: [{ role: 'user', id: 'm', parts }] });
  const headers = { 'content-type': 'application/json' };
  const response = await handle(new Request('http://chat.invalid/', { method: 'POST', headers, body }), 'user');
  expect(attached).toBe(expected);
  expect([response.status, (await response.json()).error.code]).toEqual([status, code]);
});

// An empty history would be taken for that of a new conversation.
test.each([
  [400, 'request.invalid', 200],
  [404, 'thread.not_found', 200],
  // The Python SDK, of a thread that it does not have.
  [500, undefined, 200],
  [401, 'request.unauthorized', 401],
  [403, 'request.forbidden_origin', 403],
  [429, 'request.rate_limited', 429],
  [503, 'server.closing', 503],
  [504, 'store.timeout', 504],
])('a history whose thread the server refuses with %i %s is answered with %i', async (status, code, expected) => {
  const body = code === undefined ? 'Internal Server Error' : JSON.stringify({ error: { code, message: 'No.' } });
  const refusing = { handle: async () => new Response(body, { status, headers: { 'retry-after': '7' } }) };
  const response = await createUiMessageHandler(refusing)(new Request('http://chat.invalid/?id=c'), 'user');
  expect(response.status).toBe(expected);
  expect(response.headers.get('retry-after')).toBe(expected === 200 ? null : '7');
  expect(await response.json()).toEqual(expected === 200 ? [] : { error: { code, message: 'No.', retryable: false } });
});

test.each([
  ['request.unauthorized', 401],
  ['request.forbidden', 403],
  ['request.rate_limited', 429],
  ['request.invalid', 400],
] as const)('a file that the application refuses with %s is answered with %i', async (code, status) => {
  const handle = createUiMessageHandler(server, { attach: () => Promise.reject(new ChatKitError(code, 'No.')) });
  const parts = [{ type: 'file', mediaType: 'image/png', url: 'data:image/png;base64,AA==' }];
  const body = JSON.stringify({ id: 'c', messages: [{ id: 'm', role: 'user', parts }] });
  const headers = { 'content-type': 'application/json' };
  const response = await handle(new Request('http://chat.invalid/', { method: 'POST', headers, body }), 'user');
  expect([response.status, (await response.json()).error.code]).toEqual([status, code]);
});

test.each([-1, Number.NaN])('a period of grace of %d ms is none', (graceMs) => {
  expect(() => createUiMessageHandler(server, { graceMs })).toThrow(TypeError);
});
