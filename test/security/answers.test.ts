// Of docs/reference/security.md, seen from a chat: text that tries to be a frame, errors with secrets in them, readers
// that take nothing. The bare encoder is attacked in packages/transport/test/limits.test.ts.
import { once } from 'node:events';
import {
  assistantMessage,
  itemAdded,
  itemDone,
  progressUpdate,
  type ThreadStreamEvent,
  textDelta,
} from '@chatkit/core';
import { createMemoryStore } from '@chatkit/store/memory';
import { say, scriptedResponder } from '@chatkit/testing';
import { decodeSse, type SseFrame } from '@chatkit/transport';
import { describe, expect, test } from 'vitest';
import { ada, create, exchange, input, open, optIn, post, rawPost, startChat, type User, until } from './support.ts';

const forgeries = [
  'a\n\nevent: end\ndata: {"outcome":"failed"}\n\n',
  'a\r\revent: end\rdata: {"outcome":"failed"}\r\r',
  '\r\n\r\nid: 9-9\r\nretry: 1\r\n\r\n',
  ': comment\n\ndata: {"type":"error","code":"custom","message":"pwned","allow_retry":false}\n\n',
  'l1\u2028l2\u2029l3\u0085l4\u000bl5\u000c',
  '\ufeffdata: x',
  '</script><script>alert(1)</script>',
];

const framesOf = async (response: Response): Promise<SseFrame[]> => {
  const frames: SseFrame[] = [];
  for await (const frame of decodeSse(response.body as ReadableStream<Uint8Array>)) frames.push(frame);
  return frames;
};

describe('text that tries to be a frame', () => {
  test.each(forgeries)('%j stays text: in messages, answers, titles, ids and progress', async (nasty) => {
    const chat = await startChat({
      async *respond(thread) {
        thread.title = nasty;
        yield progressUpdate(nasty, { icon: nasty as never });
        const item = assistantMessage({ thread_id: thread.id, id: `id${nasty}`, text: '' });
        yield itemAdded(item);
        yield textDelta(item.id, nasty);
        yield textDelta(item.id, nasty);
        yield itemDone({ ...item, content: [{ type: 'output_text', text: nasty + nasty, annotations: [] }] });
      },
    });
    for (const headers of [ada, { ...ada, ...optIn }]) {
      const body = { ...input(nasty), quoted_text: nasty };
      const response = await post(chat.url, { type: 'threads.create', params: { input: body } }, headers);
      const text = await response.clone().text();
      const frames = await framesOf(response);
      const events = frames.flatMap(({ event, data }) =>
        data === undefined || event === 'end' ? [] : [JSON.parse(data) as ThreadStreamEvent],
      );
      expect(events.map(({ type }) => type).filter((type) => type === 'error')).toEqual([]);
      const answer = events.findLast((event) => event.type === 'thread.item.done');
      expect(answer).toMatchObject({ item: { id: `id${nasty}`, content: [{ text: nasty + nasty }] } });
      const ends = frames.filter(({ event }) => event !== undefined);
      expect(ends.map(({ data }) => data)).toEqual(headers === ada ? [] : ['{"outcome":"completed"}']);
      // Each line is a field that the server wrote.
      for (const line of text.split(/\r\n|\r|\n/)) {
        expect(line).toMatch(
          headers === ada ? /^(?:data: \{.*\}|)$/s : /^(?:data: \{.*\}|id: 1-\d+|retry: 2000|event: end|:.*|)$/s,
        );
      }
    }
  });

  test('half of a surrogate pair arrives as JSON that every parser takes', async () => {
    const chat = await startChat({ respond: scriptedResponder([say('a\ud83d', '\ude00b', '\ud800')]) });
    const events = (await framesOf(await post(chat.url, create()))).map(({ data }) => JSON.parse(data as string));
    expect(events.at(-1).item.content[0].text).toBe('a😀b\ud800');
  });
});

const secret = 'sk-secret at /srv/app/config.ts:12 SELECT * FROM users';
const boom = (): never => {
  throw Object.assign(new Error(secret), { code: 'custom', status: 400, details: { secret }, retryable: true });
};
const breaking = (method: string) =>
  new Proxy(createMemoryStore<User>({ userOf: (user) => user.userId }), {
    get: (target, key) => (key === method ? boom : Reflect.get(target, key)),
  });

describe('errors with a secret in them', () => {
  test.each<[string, Parameters<typeof startChat>[0]]>([
    ['respond(), before its first event', { respond: boom }],
    [
      'respond(), in the middle',
      {
        async *respond() {
          yield progressUpdate('x');
          boom();
        },
      },
    ],
    [
      'respond(), in its finally',
      {
        async *respond() {
          try {
            yield progressUpdate('x');
          } finally {
            boom();
          }
        },
      },
    ],
    ['getStreamOptions()', { getStreamOptions: boom }],
    ['generateThreadId()', { generateThreadId: boom }],
    ['the store, on loading', { store: breaking('loadAttachment') }],
    ['the store, on saving', { store: breaking('saveItem') }],
    ['the store, in a transaction', { store: breaking('transaction') }],
    [
      'an event that cannot be sent',
      {
        respond: scriptedResponder([
          {
            type: 'x',
            get y() {
              return boom();
            },
          } as never,
        ]),
      },
    ],
    [
      'a value that cannot be JSON',
      {
        async *respond() {
          yield { type: 'progress_update', text: 1n as never, secret } as never;
        },
      },
    ],
  ])('%s: the wire has a general text, onError the rest', async (_, options) => {
    for (const extra of [{}, optIn]) {
      const chat = await startChat(options);
      const body = { ...input('hi'), attachments: _.includes('loading') ? ['atc_1'] : [] };
      const { text } = await exchange(
        chat.port,
        rawPost(JSON.stringify({ type: 'threads.create', params: { input: body } }), { ...extra, connection: 'close' }),
      );
      expect(text).not.toMatch(/sk-secret|\/srv\/app|SELECT|BigInt|TypeError|\bat .*:\d+/);
      expect(text).toMatch(/"code":"(?:stream\.error|internal)"/);
      expect(chat.errors.length).toBeGreaterThan(0);
    }
  });

  test('context()', async () => {
    const chat = await startChat();
    const { toNodeHandler } = await import('@chatkit/server/node');
    chat.http.removeAllListeners('request');
    chat.http.on('request', toNodeHandler(chat.server, { context: boom }));
    const answer = await post(chat.url, create());
    expect([answer.status, (await answer.text()).includes('secret')]).toEqual([500, false]);
    expect(String(chat.errors[0])).toContain('sk-secret');
  });
});

describe('readers that take nothing', () => {
  test.each([{}, optIn])('64 MB on offer, headers %j: little is made, and others are served', async (extra) => {
    let made = 0;
    const chat = await startChat({
      async *respond(thread, message) {
        yield itemAdded(assistantMessage({ thread_id: thread.id, id: 'a' }));
        const wanted = JSON.stringify(message).includes('flood') ? 4_000 : 1;
        for (let sent = 0; sent < wanted; sent += 1) {
          made += 1;
          yield textDelta('a', 'x'.repeat(16 * 1024));
        }
      },
    });
    const socket = await open(chat.port);
    socket.write(rawPost(JSON.stringify(create('flood')), extra));
    await once(socket, 'readable');
    let before = -1;
    await until(async () => {
      const still = before === made;
      before = made;
      await new Promise((resolve) => setTimeout(resolve, 100));
      return still && made > 1;
    });
    expect(made * 16 * 1024).toBeLessThan(16 * 1024 * 1024);
    expect(await (await post(chat.url, create('hi'))).text()).toContain('thread.item.done');
    socket.destroy();
  });

  test('300 connections that say nothing do not keep out the next one, and time out', async () => {
    const chat = await startChat({}, { headersTimeout: 300, requestTimeout: 400, connectionsCheckingInterval: 50 });
    const idle = await Promise.all(Array.from({ length: 300 }, () => open(chat.port)));
    for (const socket of idle) socket.write('P');
    expect((await post(chat.url, create())).status).toBe(200);
    for (const socket of idle) socket.resume();
    await until(() => idle.every((socket) => socket.readableEnded || socket.destroyed));
  });
});
