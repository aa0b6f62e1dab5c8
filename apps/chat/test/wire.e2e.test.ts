/** The demo over HTTP, without a browser. */
import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Demo, startDemo } from './e2e/start-demo.ts';

let demo: Demo;
let cookie = '';

beforeAll(async () => {
  demo = await startDemo();
  const page = await fetch(demo.url);
  cookie = page.headers.get('set-cookie')?.split(';')[0] ?? '';
});
afterAll(() => demo?.stop());

const post = (body: string, contentType = 'application/json') =>
  fetch(`${demo.url}/chatkit`, { method: 'POST', headers: { 'content-type': contentType, cookie }, body });

const message = (text: string) => ({
  type: 'threads.create',
  params: { input: { content: [{ type: 'input_text', text }], attachments: [], inference_options: {} } },
});

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

test('events come one by one, the first ones before the answer is there', async () => {
  const chunks: string[] = [];
  await new Promise<void>((resolve, reject) => {
    const request = httpRequest(
      `${demo.url}/chatkit`,
      // A visitor of its own: the table above looks at an empty list.
      { method: 'POST', headers: { 'content-type': 'application/json' } },
      (response) => {
        expect(response.headers['content-type']).toBe('text/event-stream; charset=utf-8');
        expect(response.headers['cache-control']).toBe('no-cache, no-transform');
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => chunks.push(chunk));
        response.on('end', resolve);
        response.on('error', reject);
      },
    );
    request.on('error', reject);
    request.end(JSON.stringify(message('What happens when a client disconnects?')));
  });
  const events = (text: string) => text.split('\n\n').filter((frame) => frame.startsWith('data: '));
  expect(events(chunks[0] ?? '')[0]).toContain('"thread.created"');
  expect(chunks[0]).not.toContain('text_delta');
  const deltas = chunks.filter((chunk) => chunk.includes('text_delta'));
  const inBursts = deltas.filter((chunk) => events(chunk).filter((frame) => frame.includes('text_delta')).length > 1);
  expect(deltas.length).toBeGreaterThan(30);
  expect(inBursts.length / deltas.length).toBeLessThan(0.3);
});

test('after the terminal frame of a stopped run nothing follows, on the wire and in the log', async () => {
  const run = `run_${'0'.repeat(22)}e2`;
  const headers = { 'content-type': 'application/json', 'chatkit-client': '1', cookie };
  const body = JSON.stringify(message('What happens when a client disconnects?'));
  const response = await fetch(`${demo.url}/chatkit`, {
    method: 'POST',
    headers: { ...headers, 'chatkit-run-id': run },
    body,
  });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  while (!text.includes('text_delta')) text += (await reader?.read())?.value ?? '';
  const cancelled = await post(JSON.stringify({ type: 'runs.cancel', params: { run_id: run } }));
  expect(cancelled.status).toBe(200);
  for (let step = await reader?.read(); step?.done === false; step = await reader?.read()) text += step.value;
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
  const response = await fetch(`${demo.url}/chatkit`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(message('What happens when a client disconnects?')),
    signal: gone.signal,
  });
  const reader = response.body?.getReader();
  let text = '';
  while (!text.includes('text_delta')) text += new TextDecoder().decode((await reader?.read())?.value);
  gone.abort();
  await expect.poll(() => demo.lines.slice(before).join('\n')).toContain('answer stopped');
});
