// Of docs/reference/security.md: other people's runs and threads.
import { format } from 'node:util';
import type { ChatKitRequestInput, RunLease } from '@chatkit/core';
import { createMemoryStore } from '@chatkit/store/memory';
import { createVirtualClock, hang, say, scriptedResponder, wait } from '@chatkit/testing';
import { expect, test, vi } from 'vitest';
import { ada, type Chat, create, eve, input, optIn, post, startChat, type User, until } from './support.ts';

/** A run of Ada's that is in progress, and her thread. */
const runOfAda = async (options: Parameters<typeof startChat>[0] = {}) => {
  const respond = scriptedResponder([say('secret of Ada'), hang()]);
  const chat = await startChat({ respond, ...options });
  const headers = { ...ada, ...optIn, 'chatkit-run-id': 'run_of_ada' };
  const stream = await post(chat.url, create('secret question'), headers);
  const reader = (stream.body as ReadableStream<Uint8Array>).getReader();
  let text = '';
  // Her message and the first answer are done; the run goes on.
  while (text.split('thread.item.done').length < 3) text += new TextDecoder().decode((await reader.read()).value);
  const threadId = /"thread_id":"([^"]+)"/.exec(text)?.[1] as string;
  return { chat, respond, threadId };
};

/** Everything of an answer that could tell something. */
const whole = async (response: Response) => ({
  status: response.status,
  headers: [...response.headers].filter(([name]) => name !== 'date'),
  body: await response.text(),
});

type Attempt = (chat: Chat, runId: string, threadId: string) => Promise<Response>;
const request =
  (make: (runId: string, threadId: string) => ChatKitRequestInput): Attempt =>
  (chat, runId, threadId) =>
    post(chat.url, make(runId, threadId), { ...eve, ...optIn });

test.each<[string, Attempt]>([
  ['attaching', (chat, run) => fetch(`${chat.url}?run=${run}`, { headers: eve })],
  ['attaching behind an offset', (chat, run) => fetch(`${chat.url}?run=${run}&after=1-2`, { headers: eve })],
  [
    'attaching with an event id',
    (chat, run) => fetch(`${chat.url}?run=${run}`, { headers: { ...eve, 'last-event-id': '1-2' } }),
  ],
  ['attaching with an offset that is none', (chat, run) => fetch(`${chat.url}?run=${run}&after=x`, { headers: eve })],
  ['stopping', request((run_id) => ({ type: 'runs.cancel', params: { run_id } }))],
  ['loading the thread', request((_, thread_id) => ({ type: 'threads.get_by_id', params: { thread_id } }))],
  ['listing the items', request((_, thread_id) => ({ type: 'items.list', params: { thread_id } }))],
  ['renaming', request((_, thread_id) => ({ type: 'threads.update', params: { thread_id, title: 'x' } }))],
  ['deleting', request((_, thread_id) => ({ type: 'threads.delete', params: { thread_id } }))],
  [
    'writing',
    request((_, thread_id) => ({ type: 'threads.add_user_message', params: { thread_id, input: input('x') } })),
  ],
  [
    'an action',
    request((_, thread_id) => ({ type: 'threads.custom_action', params: { thread_id, action: { type: 'x' } } })),
  ],
  [
    'feedback',
    request((_, thread_id) => ({ type: 'items.feedback', params: { thread_id, item_ids: [], kind: 'positive' } })),
  ],
  [
    'a tool output',
    request((_, thread_id) => ({ type: 'threads.add_client_tool_output', params: { thread_id, result: 1 } })),
  ],
])('%s is answered for a run of somebody else exactly as for one that never was', async (_, attempt) => {
  const loads = vi.fn();
  const inner = createMemoryStore<User>({ userOf: (user) => user.userId });
  const store = new Proxy(inner, {
    get: (target, key, receiver) => {
      if (key === 'loadThread') loads();
      return Reflect.get(target, key, receiver);
    },
  });
  const { chat, respond, threadId } = await runOfAda({ store });
  loads.mockClear();
  const foreign = await whole(await attempt(chat, 'run_of_ada', threadId));
  const looks = loads.mock.calls.length;
  loads.mockClear();
  // Of the same length, so that the bodies can be compared whole.
  const unknown = await whole(
    await attempt(chat, 'run_of_bob', `${threadId.slice(0, -1)}${threadId.endsWith('0') ? '1' : '0'}`),
  );
  expect(foreign).toEqual({ ...unknown, body: unknown.body.replaceAll(/thr_\w+/g, threadId) });
  expect(foreign.body).not.toContain('secret');
  // The time to refuse tells nothing: the same is looked up.
  expect(looks).toBe(loads.mock.calls.length);
  expect(respond.calls.map(({ outcome }) => outcome)).toEqual(['running']);
  const { data } = await chat.store.listItems(threadId, { limit: 10, order: 'asc' }, { userId: 'ada' });
  expect(data).toHaveLength(2);
  expect((await chat.store.listThreads({ limit: 10, order: 'asc' }, { userId: 'eve' })).data).toEqual([]);
});

test('the id of somebody else’s run starts nothing and reads nothing', async () => {
  const { chat, respond } = await runOfAda();
  const headers = { ...eve, ...optIn, 'chatkit-run-id': 'run_of_ada' };
  const answer = await post(chat.url, create('mine'), headers);
  expect(answer.status).toBe(409);
  expect(await answer.text()).not.toContain('secret');
  expect(respond.calls).toHaveLength(1);
});

test('an offset of one run opens no other: the run is named by the URL alone', async () => {
  const { chat } = await runOfAda();
  /** Reads until there are so many items, and leaves: the run goes on. */
  const readItems = async (response: Response, count: number): Promise<string> => {
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    let text = '';
    while (text.split('thread.item.done').length <= count) {
      const { done, value } = await reader.read();
      if (done) throw new Error(`It ended after ${text}`);
      text += new TextDecoder().decode(value);
    }
    await reader.cancel();
    return text;
  };
  const asked = await post(chat.url, create('mine'), { ...eve, ...optIn, 'chatkit-run-id': 'mine' });
  const offsets = [...(await readItems(asked, 2)).matchAll(/^id: (.+)$/gm)].map(([, offset]) => offset as string);
  // Behind this one her run has her answer still to come; the first of Ada's items is behind it in his, too.
  const attached = await fetch(`${chat.url}?run=mine`, { headers: { ...eve, 'last-event-id': offsets[1] as string } });
  expect(await readItems(attached, 1)).not.toContain('secret question');
});

test('a deletion of somebody else’s thread does not stop the run that begins meanwhile', async () => {
  let answerLease = () => {};
  const asked = new Promise<void>((resolve) => {
    answerLease = resolve;
  });
  const respond = scriptedResponder((_, index) => (index === 0 ? [say('x')] : [hang()]));
  const chat = await startChat({ respond, lease: slowLease(asked) });
  const threadId = /"thread_id":"([^"]+)"/.exec(await (await post(chat.url, create())).text())?.[1] as string;
  const deletion = post(chat.url, { type: 'threads.delete', params: { thread_id: threadId } }, eve);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const add: ChatKitRequestInput = {
    type: 'threads.add_user_message',
    params: { thread_id: threadId, input: input('y') },
  };
  expect((await post(chat.url, add, { ...ada, ...optIn })).status).toBe(200);
  answerLease();
  expect(await (await deletion).json()).toEqual({});
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(respond.calls.map(({ outcome }) => outcome)).toEqual(['ended', 'running']);
});

test('stopping twice, and after the end, changes nothing', async () => {
  const { chat, respond } = await runOfAda();
  const stop = () => post(chat.url, { type: 'runs.cancel', params: { run_id: 'run_of_ada' } });
  for (let time = 0; time < 3; time += 1) {
    const answer = await stop();
    expect([answer.status, await answer.json()]).toEqual([200, {}]);
  }
  const all = await Promise.all([stop(), stop(), stop()]);
  expect(all.map(({ status }) => status)).toEqual([200, 200, 200]);
  expect(respond.calls.map(({ outcome }) => outcome)).toEqual(['threw']);
});

test('60 conversations at once, the same run ids and texts: nobody gets a word of another', async () => {
  const chat = await startChat({
    // Everybody's words are interleaved in time.
    async *respond(thread, _input, user) {
      const words = Array.from({ length: 5 }, (_, turn) => say(`[${user.userId} ${turn}]`));
      yield* scriptedResponder(words.flatMap((word) => [word, wait(2)]))(thread, null);
    },
  });
  const users = Array.from({ length: 60 }, (_, index) => `user${index}`);
  const heard = await Promise.all(
    users.map(async (userId) => (await post(chat.url, create('the same'), { 'x-user': userId, ...optIn })).text()),
  );
  for (const [index, text] of heard.entries()) {
    const names = new Set([...text.matchAll(/\[(user\d+) /g)].map(([, name]) => name));
    expect([...names]).toEqual([users[index]]);
    expect(text).toContain('{"outcome":"completed"}');
  }
});

test('runs that nobody comes back to end by the deadline and are then forgotten', async () => {
  const clock = createVirtualClock();
  const respond = scriptedResponder([hang()]);
  const chat = await startChat({ respond, clock, retain: { runs: 30, ms: 60_000 }, maxRunsPerUser: 300 });
  for (let batch = 0; batch < 10; batch += 1) {
    await Promise.all(
      Array.from({ length: 30 }, async (_, index) => {
        const leaving = new AbortController();
        const id = `r${batch}-${index}`;
        const answer = await post(chat.url, create(), { ...eve, ...optIn, 'chatkit-run-id': id }, leaving.signal);
        expect(answer.status).toBe(200);
        leaving.abort();
      }),
    );
  }
  expect(respond.calls.filter(({ outcome }) => outcome === 'running')).toHaveLength(300);
  const refused = await post(chat.url, create(), { ...eve, ...optIn });
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1']);
  await refused.body?.cancel();
  await clock.advance(30 * 60_000);
  await until(() => respond.calls.every(({ outcome }) => outcome === 'threw'));
  const statuses = async () => {
    const answers = await Promise.all(
      Array.from({ length: 30 }, async (_, index) => {
        const all = [0, 9].map(async (batch) => {
          const answer = await fetch(`${chat.url}?run=r${batch}-${index}`, { headers: eve });
          await answer.text();
          return answer.status;
        });
        return Promise.all(all);
      }),
    );
    return new Set(answers.flat());
  };
  // At most 30 of the 300 are kept, for a minute.
  await until(async () => (await statuses()).has(404));
  await clock.advance(61_000);
  expect(await statuses()).toEqual(new Set([404]));
});

test('what a client says reaches the log in quotes: no line of its own, no escape sequence', async () => {
  const lines: string[] = [];
  const log = vi.spyOn(console, 'error').mockImplementation((...what) => void lines.push(format(...what)));
  const inner = createMemoryStore<User>({ userOf: (user) => user.userId });
  const store = new Proxy(inner, {
    get: (target, key) => {
      if (key === 'loadThread') return () => Promise.reject(new Error('the database is gone'));
      return Reflect.get(target, key);
    },
  });
  const chat = await startChat({ store, onError: undefined });
  const nasty = '\n2026-01-01 root signed in\u001b[2K\u001b]0;title\u0007';
  const asked: ChatKitRequestInput[] = [
    { type: 'threads.get_by_id', params: { thread_id: nasty } },
    { type: 'threads.add_user_message', params: { thread_id: nasty, input: input('x') } },
    { type: 'runs.cancel', params: { run_id: nasty } },
  ];
  for (const body of asked) expect((await post(chat.url, body)).status).toBe(500);
  log.mockRestore();
  expect(lines.length).toBeGreaterThan(0);
  for (const line of lines) {
    expect(line).not.toMatch(/^2026-01-01 root/m);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these must not be there
    expect(line).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f]/);
  }
});

/** The lease of a machine that is alone, slow to say what goes on in a thread. */
function slowLease(answer: Promise<void>): RunLease {
  return {
    ttlMs: Number.POSITIVE_INFINITY,
    acquire: async (claim) => ({ granted: { ...claim, epoch: 1 } }),
    queue: async () => {},
    leave: async () => {},
    renew: async () => ({ held: true }),
    release: async () => {},
    find: async () => undefined,
    activeIn: () => answer.then(() => undefined),
    requestStop: async () => {},
    onStop: () => () => {},
    onFree: () => () => {},
    reap: async () => [],
    close: async () => {},
  };
}
