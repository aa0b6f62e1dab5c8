import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { createAnswering, listen } from './servers.ts';

const cli = fileURLToPath(new URL('../src/node/cli.ts', import.meta.url));

const run = (...args: string[]): Promise<{ code: number | null; out: string; err: string }> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, ['--conditions=@chatkit/source', cli, ...args]);
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      err += chunk;
    });
    child.on('close', (code) => resolve({ code, out, err }));
  });

test('examines a server: text, JSON, headers', async () => {
  const { handler } = createAnswering(['Hello ', 'there.']);
  const { url } = await listen((request, response) => {
    if (request.headers.authorization === 'Bearer of news') handler(request, response);
    else response.writeHead(401).end();
  });
  const text = await run(url, '--header', 'authorization: Bearer of news', '-m', 'Hi', '--stall-ms', '20000');
  expect(text).toMatchObject({ code: 0, err: '' });
  expect(text.out).toContain('✓ Nothing to fix.');
  const json = await run(url, '--json');
  expect(json.code).toBe(1);
  expect(JSON.parse(json.out)).toMatchObject({ status: 401, ending: 'no_stream', findings: [{ code: 'status' }] });
});

test.each([
  [[], 'Give exactly one URL.'],
  [['ftp://x'], 'Not an http or https URL: ftp://x'],
  [['http://x', 'http://y'], 'Give exactly one URL.'],
  [['http://x', '--stall-ms', 'soon'], '--stall-ms must be a whole number of milliseconds, at least 1.'],
  [['http://x', '-H', 'authorization'], 'A header must have the form "name: value": authorization'],
  [['http://x', '--frobnicate'], "Unknown option '--frobnicate'"],
])('is told how to call it: %j', async (args, sentence) => {
  const { code, out, err } = await run(...args);
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).toContain(sentence);
  expect(err).toContain('chatkit-doctor <url>');
});

test('helps', async () => {
  expect(await run('--help')).toMatchObject({ code: 0, out: expect.stringContaining('--probe-ms') });
});
