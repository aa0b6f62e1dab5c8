/** The demo over HTTP, without a browser. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type SlowModel, startSlowModel } from './e2e/slow-model.ts';
import { type Demo, startDemo } from './e2e/start-demo.ts';

let model: SlowModel;
let demo: Demo;
let cookie = '';

beforeAll(async () => {
  // What it says is said when the test says so, so no test has to be there in time.
  model = await startSlowModel();
  demo = await startDemo(model.env);
  const page = await fetch(demo.url);
  cookie = page.headers.get('set-cookie')?.split(';')[0] ?? '';
});
afterAll(async () => {
  await demo?.stop();
  model?.close();
});

const post = (body: string, contentType = 'application/json') =>
  fetch(`${demo.url}/chatkit`, { method: 'POST', headers: { 'content-type': contentType, cookie }, body });

const message = (text: string) => ({
  type: 'threads.create',
  params: { input: { content: [{ type: 'input_text', text }], attachments: [], inference_options: {} } },
});

/** A question of a visitor without a cookie: that of the others has an empty list. */
const ask = (headers: Record<string, string>, signal: AbortSignal | null = null): Promise<Response> =>
  fetch(`${demo.url}/chatkit`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(message('What happens when a client disconnects?')),
    signal,
  });

/** Reads a body as far as a test wants it. */
const reading = (response: Response) => {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  const step = async (): Promise<boolean> => {
    const piece = await reader?.read();
    text += piece?.value ?? '';
    return piece?.done === false;
  };
  return {
    async until(isEnough: (text: string) => boolean): Promise<string> {
      while (!isEnough(text)) if (!(await step())) throw new Error(`The answer ended:\n${text}`);
      return text;
    },
    async rest(): Promise<string> {
      while (await step());
      return text;
    },
  };
};

const deltasOf = (text: string): string =>
  [...text.matchAll(/"delta":("(?:[^"\\]|\\.)*")/g)].map(([, delta]) => JSON.parse(delta as string)).join('');

const threads = async (): Promise<unknown[]> =>
  (await (await post(JSON.stringify({ type: 'threads.list', params: {} }))).json()).data;

const addTo = (threadId: string) => ({
  type: 'threads.add_user_message',
  params: { ...message('Hello').params, thread_id: threadId },
});
const deep = `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`;

test.each([
  ['invalid JSON', '{"type": "threads.create", ', 'application/json', 400],
  ['an unknown type', '{"type": "threads.explode", "params": {}}', 'application/json', 400],
  ['a missing thread', JSON.stringify(addTo('thr_missing')), 'application/json', 404],
  ['a body of 2 MiB', JSON.stringify(message('x'.repeat(2 * 1024 * 1024))), 'application/json', 413],
  ['JSON 5,000 levels deep', deep, 'application/json', 400],
  ['a form', JSON.stringify(message('Hello')), 'text/plain', 415],
  ['no body', '', 'application/json', 400],
  ['a field of the wrong type', '{"type": "threads.create", "params": {"input": 7}}', 'application/json', 400],
])(
  '%s is refused with an error that says why; nothing is stored; the server goes on',
  async (_, body, type, status) => {
    const response = await post(body, type);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({
      error: {
        code: expect.stringMatching(/^[a-z_]+\.[a-z_]+$/),
        message: expect.stringMatching(/\w/),
        retryable: expect.any(Boolean),
      },
    });
    expect(await threads()).toEqual([]);
  },
);

test('events come one by one, each before the model has said the next', async () => {
  const response = await ask({});
  expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  expect(response.headers.get('cache-control')).toBe('no-cache, no-transform');
  const read = reading(response);
  expect(await read.until((text) => text.includes('\n\n'))).toMatch(/^data: .*"thread.created"/);
  let said = '';
  for (const word of ['One ', 'word ', 'after ', 'the ', 'other.']) {
    await model.say(word);
    said += word;
    await read.until((text) => deltasOf(text).trimEnd() === said.trimEnd());
  }
  await model.end();
  await read.rest();
});

test('after the terminal frame of a stopped run nothing follows, on the wire and in the log', async () => {
  const run = `run_${'0'.repeat(22)}e2`;
  const headers = { 'chatkit-client': '1', cookie };
  const read = reading(await ask({ ...headers, 'chatkit-run-id': run }));
  await model.say('A run ');
  await read.until((text) => text.includes('text_delta'));
  const cancelled = await post(JSON.stringify({ type: 'runs.cancel', params: { run_id: run } }));
  expect(cancelled.status).toBe(200);
  const text = await read.rest();
  const frames = (all: string) => all.split('\n\n').filter((frame) => /^(?:id|data|event):/m.test(frame));
  expect(frames(text).at(-1)).toMatch(/event: end\n[\s\S]*cancelled/);
  expect(text.split('event: end')).toHaveLength(2);
  expect(text).toContain('You stopped this answer.');

  const replay = await fetch(`${demo.url}/chatkit?run=${run}`, { headers });
  const again = await replay.text();
  expect(frames(again).at(-1)).toBe(frames(text).at(-1));
});

test('a client that goes away stops its answer', async () => {
  const before = demo.lines.length;
  const gone = new AbortController();
  const read = reading(await ask({}, gone.signal));
  await model.say('A run ');
  await read.until((text) => text.includes('text_delta'));
  gone.abort();
  await expect.poll(() => demo.lines.slice(before).join('\n')).toContain('answer stopped');
});
