/** How the demo starts and ends. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
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

test.each(['SIGTERM', 'SIGINT'] as const)('%s ends it in order, in the middle of an answer too', async (signal) => {
  const demo = await startDemo();
  onTestFinished(() => demo.stop());
  const response = await fetch(`${demo.url}/chatkit`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      type: 'threads.create',
      params: { input: { content: [{ type: 'input_text', text: 'What happens when a client disconnects?' }] } },
    }),
  });
  const reader = response.body?.getReader();
  let text = '';
  while (!text.includes('text_delta')) text += new TextDecoder().decode((await reader?.read())?.value);
  demo.process.kill(signal);
  expect(await demo.exited).toBe(0);
  expect(demo.lines.join('\n')).toContain('answer stopped');
});
