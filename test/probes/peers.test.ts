// What other chat toolkits were measured to do wrong (P1 to P25), as tests that ours passes. Those that a package's own
// tests hold already are listed in docs/reference/security.md. Each comment says what the peer did.
import type { ServerResponse } from 'node:http';
import { createChatClient } from '@chatkit/client';
import {
  assistantMessage,
  itemAdded,
  type LogEntry,
  progressUpdate,
  type ThreadStreamEvent,
  textDelta,
} from '@chatkit/core';
import { createMemoryLog, createMemoryStore } from '@chatkit/store/memory';
import { createRedisLease, createRedisLog } from '@chatkit/store/redis';
import { fail, say, scriptedResponder, until as untilPromise } from '@chatkit/testing';
import { decodeSse } from '@chatkit/transport';
import { createClient } from 'redis';
import { expect, test } from 'vitest';
import { findProgram } from '../../apps/cluster/server/program.ts';
import { startRedis } from '../../apps/cluster/server/redis-program.ts';
import { ada, atEnd, create, optIn, post, startChat, type User, until } from '../security/support.ts';

const hasRedis = findProgram('redis-server') !== undefined;

const attach = (url: string, run: string) => fetch(`${url}?run=${run}`, { headers: ada });
const named = (id: string) => ({ ...ada, ...optIn, 'chatkit-run-id': id });

const eventsOf = (text: string): ThreadStreamEvent[] =>
  [...text.matchAll(/^data: (\{"type".*)$/gm)].map(([, json]) => JSON.parse(json as string));
const deltasOf = (text: string): string =>
  eventsOf(text)
    .map((event) => (event.type === 'thread.item.updated' && 'delta' in event.update ? event.update.delta : ''))
    .join('');

const clientOf = (url: string, fetch?: typeof globalThis.fetch) =>
  createChatClient({
    url,
    headers: ada,
    extensions: true,
    fetch,
    connection: { baseMs: 1, floorMs: 1 },
    random: () => 0,
    scheduler: (flush) => {
      flush();
      return () => {};
    },
  });
const texts = (client: ReturnType<typeof clientOf>): string[] =>
  client.getSnapshot().items.map((item) => {
    const parts = 'content' in item && Array.isArray(item.content) ? item.content : [];
    return parts.map((part: { text?: string }) => part.text ?? '').join('');
  });

// ai 6 and 7: AI_TypeValidationError, the stream is killed; ag-ui 0.0.58 throws.
test('P7: an event that nobody knows passes through server and client, and the answer goes on', async () => {
  const unknown = { type: 'thread.item.sparkled', glitter: 1 } as unknown as ThreadStreamEvent;
  const { url } = await startChat({ respond: scriptedResponder([unknown, say('whole')]) });
  const client = clientOf(url);
  const types: string[] = [];
  for await (const event of client.send('hi')) types.push(event.type);
  expect(types).toContain('thread.item.sparkled');
  expect(texts(client)).toEqual(['hi', 'whole']);
});

// ai 7.0.173: Firefox's and undici's texts are not taken for a disconnect (string matching).
test.each(['network error', 'Load failed', 'Error in input stream', 'terminated', 'The operation was aborted.', ''])(
  'P8, P10, P11: a body that breaks with %j is a cut like any other, and the client resumes by itself',
  async (message) => {
    const { url } = await startChat({ respond: scriptedResponder([say('one ', 'two ', 'three')]) });
    let requests = 0;
    const client = clientOf(url, async (target, init) => {
      const response = await fetch(target, init);
      requests += 1;
      if (requests > 1) return response;
      const whole = new Uint8Array(await response.arrayBuffer());
      let isFirst = true;
      const body = new ReadableStream({
        pull(controller) {
          if (!isFirst) return controller.error(new TypeError(message));
          isFirst = false;
          controller.enqueue(whole.subarray(0, whole.length - 400));
        },
      });
      return new Response(body, { status: response.status, headers: response.headers });
    });
    expect(await client.send('hi').done).toBe('completed');
    expect(texts(client)).toEqual(['hi', 'one two three']);
    expect(requests).toBe(2);
  },
);

/** Each word is written when the one before it has been read: held back anywhere, it would wait for ever. */
const lockstep = (count: number) => {
  const arrivals: (() => void)[] = [];
  const arrived = Array.from({ length: count }, () => new Promise<void>((resolve) => arrivals.push(resolve)));
  return {
    async *respond(thread: { id: string }) {
      yield itemAdded(assistantMessage({ thread_id: thread.id, id: 'a' }));
      for (const [index, read] of arrived.entries()) {
        yield textDelta('a', `<${index}>`);
        await read;
      }
    },
    async read(response: Response): Promise<string> {
      let text = '';
      for await (const frame of decodeSse(response.body as ReadableStream<Uint8Array>)) {
        text += frame.data ?? '';
        for (const [index, resolve] of arrivals.entries()) if (text.includes(`<${index}>`)) resolve();
      }
      return text;
    },
  };
};

// TanStack 0.58.0 with durability: first token after 943 ms, in bursts of 32; 1,708 ms when a pause follows.
test('P12, P13: with a log behind it, each token is at the reader before the next one is made', async () => {
  const { respond, read } = lockstep(20);
  const { url } = await startChat({ respond });
  expect(await read(await post(url, create(), named('r')))).toContain('<19>');
});

test.skipIf(!hasRedis).each(['on the machine that writes', 'on another machine'])(
  'P12, P13: the same with the log in Redis, read %s',
  async (where) => {
    const redis = await startRedis();
    atEnd(() => redis.kill());
    const store = createMemoryStore<User>();
    const { respond, read } = lockstep(20);
    const machine = async () => {
      const client = createClient({ url: redis.url });
      client.on('error', () => {});
      await client.connect();
      atEnd(() => client.destroy());
      const lease = createRedisLease({ client });
      atEnd(() => lease.close());
      return startChat({ respond, store, lease, log: createRedisLog({ client }) });
    };
    const [writer, other] = [await machine(), await machine()];
    const own = await post(writer.url, create(), named('r'));
    if (where === 'on the machine that writes') expect(await read(own)).toContain('<19>');
    else {
      expect(await read(await attach(other.url, 'r'))).toContain('<19>');
      await own.body?.cancel();
    }
  },
);

// resumable-stream: an unhandled rejection, and both consumers hang; the stream looks alive for 24 hours.
test('P17: a source that throws ends the original reader and the resumed one, and no rejection is unhandled', async () => {
  const unhandled: unknown[] = [];
  const listener = (error: unknown) => void unhandled.push(error);
  process.on('unhandledRejection', listener);
  atEnd(() => process.off('unhandledRejection', listener));
  let throwNow = () => {};
  const gate = new Promise<void>((resolve) => {
    throwNow = resolve;
  });
  const chat = await startChat({
    respond: scriptedResponder([progressUpdate('x'), untilPromise(gate), fail(new Error('no'))]),
  });
  const first = await post(chat.url, create(), named('r'));
  const second = await attach(chat.url, 'r');
  throwNow();
  for (const text of await Promise.all([first.text(), second.text()])) expect(text).toContain('{"outcome":"failed"}');
  expect(await (await attach(chat.url, 'r')).text()).toContain('{"outcome":"failed"}');
  expect(unhandled).toEqual([]);
});

// resumable-stream: 20 listeners that left cost 1,000 publishes for 50 chunks; 50 ms after the end a resume gets `null`.
test('P18: readers that left are forgotten at once, and after the end the run can still be had', async () => {
  let readers = 0;
  const log = createMemoryLog();
  const counting = new Proxy(log, {
    get: (target, key) => {
      if (key !== 'read') return Reflect.get(target, key);
      return (...args: Parameters<typeof log.read>): AsyncIterableIterator<LogEntry> => {
        readers += 1;
        let isOpen = true;
        const end = () => {
          if (isOpen) readers -= 1;
          isOpen = false;
        };
        args[1]?.signal?.addEventListener('abort', end);
        const reader = log.read(...args)[Symbol.asyncIterator]();
        return {
          [Symbol.asyncIterator]() {
            return this;
          },
          async next() {
            const step = await reader.next();
            if (step.done) end();
            return step;
          },
          async return() {
            end();
            return (await reader.return?.()) ?? { done: true, value: undefined };
          },
        };
      };
    },
  });
  let goOn = () => {};
  const gate = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const words = Array.from({ length: 50 }, (_, index) => `${index} `);
  const chat = await startChat({
    log: counting,
    respond: scriptedResponder([progressUpdate('x'), untilPromise(gate), say(...words)]),
  });
  const first = await post(chat.url, create(), named('r'));
  const leaving = new AbortController();
  await Promise.all(
    Array.from({ length: 20 }, () => fetch(`${chat.url}?run=r`, { headers: ada, signal: leaving.signal })),
  );
  expect(readers).toBe(21);
  leaving.abort();
  await until(() => readers === 1);
  goOn();
  const text = await first.text();
  await new Promise((resolve) => setTimeout(resolve, 60));
  const late = await (await attach(chat.url, 'r')).text();
  expect([deltasOf(text), deltasOf(late)]).toEqual([words.join(''), words.join('')]);
  await until(() => readers === 0);
});

// ag-ui 1.0.0: after detachActiveRun() the reader goes on pulling, 48 reads in half a second.
test('P20: detach() closes the connection; the run goes on', async () => {
  let goOn = () => {};
  const gate = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const respond = scriptedResponder([say('one'), untilPromise(gate), say('two')]);
  const chat = await startChat({ respond });
  let closed = 0;
  chat.http.on('request', (_request, response: ServerResponse) => {
    response.on('close', () => {
      closed += 1;
    });
  });
  const client = clientOf(chat.url);
  void client.send('hi');
  await until(() => texts(client).includes('one'));
  client.detach();
  await until(() => closed === 1);
  expect(respond.calls.map(({ outcome }) => outcome)).toEqual(['running']);
  goOn();
  await until(() => respond.calls[0]?.outcome === 'ended');
});

// MCP's example store: 102 inversions in the replay of 200 events of one burst.
test('P24: 200 events of one burst are replayed in their order, from any offset', async () => {
  const events = Array.from({ length: 200 }, (_, index) => progressUpdate(`step ${index}`));
  const chat = await startChat({ respond: scriptedResponder(events) });
  const text = await (await post(chat.url, create(), named('r'))).text();
  const steps = (of: string) => eventsOf(of).flatMap((event) => (event.type === 'progress_update' ? [event.text] : []));
  expect(steps(text)).toEqual(events.map((event) => (event as { text: string }).text));
  for (const after of ['1-1', '1-50', '1-103', '1-200']) {
    const rest = steps(await (await fetch(`${chat.url}?run=r&after=${after}`, { headers: ada })).text());
    expect(rest).toEqual(steps(text).slice(steps(text).length - rest.length));
  }
});
