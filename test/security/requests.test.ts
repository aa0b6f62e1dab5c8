// Of docs/reference/security.md: requests that are too large, too deep, too slow, ambiguous or forged.
// Bodies of the wrong shape are in packages/server/test/bad-input.test.ts.
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { ada, create, exchange, expectUnharmed, input, open, post, rawPost, startChat, statusOf } from './support.ts';

const nested = (levels: number) => `{"type":"threads.create","params":${'['.repeat(levels)}${']'.repeat(levels)}}`;
const complete = (text: string) => text.includes('\r\n\r\n') && /(?:\}|\r\n0\r\n\r\n)$/.test(text);
const list = '{"type":"threads.list","params":{}}';

describe('too much', () => {
  test.each<[subject: string, bytes: () => string | Uint8Array, status: number, code: string]>([
    ['10 MB with a length', () => rawPost(' '.repeat(10_000_000)), 413, 'request.too_large'],
    ['a length of 10 GB and one byte', () => rawPost('{', { 'content-length': 1e10 }), 413, 'request.too_large'],
    ['2 MB in chunks without a length', () => chunked(' '.repeat(65_536), 32), 413, 'request.too_large'],
    ['a gzip bomb', gzipBomb, 415, 'request.unsupported_media_type'],
    ['5,000 levels in 10 KB', () => rawPost(nested(5_000)), 400, 'request.too_deep'],
    ['500,000 levels', () => rawPost(nested(500_000)), 400, 'request.too_deep'],
    [
      '100,000 levels of objects',
      () => rawPost(`${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`),
      400,
      'request.too_deep',
    ],
  ])('%s', async (_, bytes, status, code) => {
    const chat = await startChat();
    const { text } = await exchange(chat.port, bytes(), complete);
    expect([statusOf(text), text.includes(`"code":"${code}"`)]).toEqual([status, true]);
    await expectUnharmed(chat);
  });

  test('an endless body is cut off: the socket is closed while the client goes on sending', async () => {
    const chat = await startChat();
    const socket = await open(chat.port);
    let sent = 0;
    let answer = '';
    socket.on('data', (data) => {
      answer += data;
    });
    socket.write(
      rawPost('', { 'content-length': '', 'transfer-encoding': 'chunked' }).replace('content-length: \r\n', ''),
    );
    const feed = () => {
      while (!socket.destroyed && socket.write(`10000\r\n${' '.repeat(65_536)}\r\n`)) sent += 65_536;
    };
    socket.on('drain', feed);
    feed();
    await new Promise((resolve) => socket.on('close', resolve));
    expect(statusOf(answer)).toBe(413);
    expect(sent).toBeLessThan(64 * 1024 * 1024);
    await expectUnharmed(chat);
  });

  test('a body full of mistakes is answered in a few words', async () => {
    const chat = await startChat();
    const parts = `${'{},'.repeat(300_000)}{}`;
    const body = JSON.stringify(create()).replace(/"content":\[[^\]]*\]/, `"content":[${parts}]`);
    const response = await post(chat.url, body);
    expect(response.status).toBe(400);
    expect((await response.text()).length).toBeLessThan(1_000);
    await expectUnharmed(chat);
  });
});

describe('too slow', () => {
  const limits = { headersTimeout: 200, requestTimeout: 300, connectionsCheckingInterval: 50 };

  test.each([
    ['headers', 'POST /chatkit HTTP/1.1\r\nhost: localhost\r\n'],
    ['a body', rawPost('{"type":', { 'content-length': 500 })],
  ])('%s that never end are cut off with 408 by the time limits of node:http', async (_, bytes) => {
    const chat = await startChat({}, limits);
    const { text, closed } = await exchange(chat.port, bytes);
    expect([statusOf(text), closed]).toEqual([408, true]);
    await expectUnharmed(chat);
  });

  test('a client that breaks off in the middle of its body leaves nothing behind', async () => {
    const chat = await startChat();
    const socket = await open(chat.port);
    socket.write(rawPost(JSON.stringify(create()), { 'content-length': 10_000 }));
    await new Promise((resolve) => setTimeout(resolve, 20));
    socket.destroy();
    await expectUnharmed(chat);
  });
});

describe('ambiguous', () => {
  const smuggled = rawPost(JSON.stringify(create('smuggled')));

  test.each<[subject: string, bytes: string]>([
    ['Content-Length and Transfer-Encoding', rawPost(`0\r\n\r\n${smuggled}`, { 'transfer-encoding': 'chunked' })],
    ['two lengths that differ', rawPost(smuggled, { 'content-length': `0\r\ncontent-length: ${smuggled.length}` })],
    ['a length with a sign', rawPost(list, { 'content-length': '+35' })],
    ['an unknown transfer encoding', rawPost(list, { 'transfer-encoding': 'chunked, identity' })],
    ['a space before the colon', rawPost(list, { 'x-a ': 'b' })],
    ['a bare CR in a header', rawPost(list, { 'x-a': 'b\rx-user: eve' })],
    ['a NUL in a header', rawPost(list, { 'x-a': 'b\0' })],
    ['a chunk size that overflows', chunkedWith('ffffffffffffffffff\r\nx\r\n')],
    ['17 KiB of headers', rawPost(list, { 'x-a': 'b'.repeat(17 * 1024) })],
    ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\r\n\r\n'],
  ])('%s', async (_, bytes) => {
    const chat = await startChat();
    const { text, closed } = await exchange(chat.port, bytes);
    expect(text).toMatch(/^HTTP\/1\.1 4(?:00|31) [^\r]*\r\n/);
    expect(text.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    expect(closed).toBe(true);
    await expectUnharmed(chat);
  });

  test('no header of a request comes back in a response', async () => {
    const chat = await startChat();
    const headers = {
      ...ada,
      'chatkit-client': '1',
      'chatkit-run-id': 'mine',
      'x-echo': 'echo-me',
      'accept-language': 'echo-me',
    };
    const response = await post(chat.url, create(), headers);
    await response.text();
    expect(response.headers.get('chatkit-run-id')).toBe('mine');
    expect(JSON.stringify([...response.headers])).not.toContain('echo-me');
  });

  test.each(['a%0d%0aset-cookie:%20x=1', 'a\tb', 'a b', '../../etc', 'a'.repeat(129), 'é'])(
    'a run id like %j is refused, and not echoed',
    async (id) => {
      const chat = await startChat();
      const bytes = rawPost(JSON.stringify(create()), { 'chatkit-client': 1, 'chatkit-run-id': id });
      const { text } = await exchange(chat.port, Buffer.from(bytes, 'latin1'), complete);
      expect(statusOf(text)).toBe(400);
      expect(text).not.toContain(id);
      await expectUnharmed(chat);
    },
  );
});

describe('forged', () => {
  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=b',
    'text/plain; application/json',
  ])('a form of another site, as %s', async (type) => {
    const chat = await startChat();
    const bytes = rawPost(JSON.stringify(create()), {
      'content-type': type,
      origin: 'https://evil.example',
      'sec-fetch-site': 'cross-site',
    });
    const { text } = await exchange(chat.port, bytes, complete);
    expect(statusOf(text)).toBe(415);
    await expectUnharmed(chat);
  });

  test('a GET changes nothing', async () => {
    const chat = await startChat();
    const query = new URLSearchParams({ type: 'threads.create', body: JSON.stringify(create()) });
    expect((await fetch(`${chat.url}?${query}`, { headers: ada })).status).toBe(400);
    await expectUnharmed(chat);
  });

  test('a token in the URL signs nobody in', async () => {
    const chat = await startChat();
    const response = await post(`${chat.url}?token=t&x-user=ada&access_token=t`, create(), {});
    expect(response.status).toBe(401);
    await expectUnharmed(chat);
  });
});

describe('names of Object.prototype', () => {
  const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf'];
  const requests = (id: string): object[] => [
    { type: 'threads.get_by_id', params: { thread_id: id } },
    { type: 'threads.add_user_message', params: { thread_id: id, input: input('x') } },
    { type: 'threads.update', params: { thread_id: id, title: 't' } },
    { type: 'threads.list', params: { after: id } },
    { type: 'items.list', params: { thread_id: id } },
    { type: 'runs.cancel', params: { run_id: id } },
    { type: 'threads.create', params: { input: { ...input('x'), attachments: [id] } } },
  ];

  test.each(names)('%s is an id like any other: not found', async (name) => {
    const chat = await startChat();
    for (const body of requests(name)) {
      expect([body, (await post(chat.url, JSON.stringify(body))).status]).toEqual([body, 404]);
    }
    expect((await fetch(`${chat.url}?run=${name}`, { headers: ada })).status).toBe(404);
    expect((await post(chat.url, JSON.stringify({ type: name, params: {} }))).status).toBe(400);
    await expectUnharmed(chat);
  });

  test.each(names)('a run may be called %s', async (name) => {
    const chat = await startChat();
    const first = await post(chat.url, create(), { ...ada, 'chatkit-client': '1', 'chatkit-run-id': name });
    const whole = await first.text();
    expect(whole).toContain('{"outcome":"completed"}');
    const again = await fetch(`${chat.url}?run=${name}`, { headers: ada });
    // Deltas may come merged to a reader that comes late; what ends the item is the same.
    const ending = (body: string) => body.split('"type":"thread.item.done"').at(-1);
    expect(whole).toContain('"type":"thread.item.done"');
    expect(ending(await again.text())).toBe(ending(whole));
  });

  test.each([
    ['at the top', '{"__proto__":{"polluted":1},"type":"threads.list","params":{}}'],
    ['in params', '{"type":"threads.list","params":{"__proto__":{"polluted":1}}}'],
    ['escaped', '{"type":"threads.list","params":{"\\u005f_proto__":{"polluted":1}}}'],
    [
      'as the prototype of a constructor',
      '{"type":"threads.list","params":{"constructor":{"prototype":{"polluted":1}}}}',
    ],
    ['in metadata', '{"type":"threads.list","params":{},"metadata":{"__proto__":{"polluted":1}}}'],
  ])('a key __proto__ %s changes no prototype', async (_, body) => {
    const chat = await startChat();
    expect([200, 400]).toContain((await post(chat.url, body)).status);
    await expectUnharmed(chat);
  });

  test('a header called __proto__', async () => {
    const chat = await startChat();
    const { text } = await exchange(chat.port, rawPost(list, { ['__proto__x'.slice(0, 9)]: 'a' }), complete);
    expect(statusOf(text)).toBe(200);
    await expectUnharmed(chat);
  });
});

function chunkedWith(body: string): string {
  return rawPost('', { 'transfer-encoding': 'chunked' }).replace('content-length: 0\r\n', '') + body;
}

function chunked(chunk: string, times: number): string {
  return `${chunkedWith(`${chunk.length.toString(16)}\r\n${chunk}\r\n`.repeat(times))}0\r\n\r\n`;
}

/** 10 MB that arrive as 10 KB. */
function gzipBomb(): Uint8Array {
  const body = gzipSync(Buffer.alloc(10_000_000, 0x20));
  return Buffer.concat([Buffer.from(rawPost('', { 'content-encoding': 'gzip', 'content-length': body.length })), body]);
}
