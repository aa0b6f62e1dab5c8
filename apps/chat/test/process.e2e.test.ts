/** How the demo starts and ends. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { INTERRUPTED } from '../shared/endings.ts';
import { main, startDemo } from './e2e/start-demo.ts';

test('a taken port is said in one line', async () => {
  const demo = await startDemo();
  onTestFinished(() => demo.stop());
  const port = new URL(demo.url).port;
  const second = spawn(process.execPath, [main], { env: { ...process.env, PORT: port, CHAT_DATABASE: ':memory:' } });
  let printed = '';
  second.stderr.on('data', (data) => {
    printed += data;
  });
  const [code] = await once(second, 'close');
  expect(code).toBe(1);
  expect(printed).toContain(`Port ${port} is taken.`);
  expect(printed).not.toContain('    at ');
});

test('a malformed setting is said in one line', async () => {
  const child = spawn(process.execPath, [main], { env: { ...process.env, PORT: 'many', CHAT_DATABASE: ':memory:' } });
  let printed = '';
  child.stderr.on('data', (data) => {
    printed += data;
  });
  const [code] = await once(child, 'close');
  expect(code).toBe(1);
  expect(printed).toContain('PORT must be');
});

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s in the middle of an answer: an end in order, and what was written is kept',
  async (signal) => {
    const folder = await mkdtemp(join(tmpdir(), 'chat-restart-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const env = { CHAT_DATABASE: join(folder, 'chat.sqlite') };
    const demo = await startDemo(env);
    onTestFinished(() => demo.stop());
    const ask = (url: string, body: unknown, cookie = '') =>
      fetch(`${url}/chatkit`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', cookie },
        body: JSON.stringify(body),
      });
    const content = [{ type: 'input_text', text: 'What happens when a client disconnects?' }];
    const response = await ask(demo.url, { type: 'threads.create', params: { input: { content } } });
    const cookie = response.headers.get('set-cookie')?.split(';')[0] ?? '';
    const reader = response.body?.getReader();
    let text = '';
    while (text.split('text_delta').length < 10) text += new TextDecoder().decode((await reader?.read())?.value);
    demo.process.kill(signal);
    expect(await demo.exited).toBe(0);
    expect(demo.lines.join('\n')).toContain('answer stopped');

    const again = await startDemo(env);
    onTestFinished(() => again.stop());
    const thread_id = /"id":"(thr_\w+)"/.exec(text)?.[1];
    const thread = await (await ask(again.url, { type: 'threads.get_by_id', params: { thread_id } }, cookie)).json();
    expect(thread.items.data.map((item: { type: string }) => item.type)).toEqual([
      'user_message',
      'workflow',
      'assistant_message',
      'task',
    ]);
    expect(thread.items.data[3].task.title).toBe(INTERRUPTED);
    expect(thread.items.data[2].content[0].text).toMatch(
      /^\*\*What happens when a client disconnects\.\*\* A run counts/,
    );
  },
);
