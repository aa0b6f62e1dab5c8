import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from '../apps/cluster/server/free-port.ts';

// The README's server and client, as they stand there, against the built packages: what a reader would do first.

const root = fileURLToPath(new URL('..', import.meta.url));
const readme = readFileSync(join(root, 'README.md'), 'utf8');
let folder: string;
let server: ChildProcess;
let port: number;

const block = (name: string): string => {
  const found = [...readme.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].find(([, code]) => code?.startsWith(`// ${name}`));
  if (found?.[1] === undefined) throw new Error(`README.md has no block ${name}`);
  return found[1];
};

const start = (file: string): ChildProcess =>
  spawn(process.execPath, [join(folder, file)], { env: { ...process.env, PORT: String(port), NODE_OPTIONS: '' } });

const output = (child: ChildProcess): Promise<string> =>
  new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (chunk) => {
      text += chunk;
    });
    child.stderr?.on('data', (chunk) => {
      text += chunk;
    });
    child.on('error', reject);
    child.on('close', () => resolve(text));
  });

const answers = async (): Promise<void> => {
  for (;;) {
    try {
      await fetch(`http://127.0.0.1:${port}/`);
      return;
    } catch {
      if (server.exitCode !== null) throw new Error('the README’s server has ended');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
};

beforeAll(async () => {
  // Inside the checkout, so that `@chatkit/*` resolves as it would for a user.
  folder = mkdtempSync(join(root, '.examples-'));
  for (const name of ['server.ts', 'client.ts']) writeFileSync(join(folder, name), block(name));
  // As `npm init -y` makes it, and what the README then does to it.
  const type = /^npm init -y && npm pkg set type=module\b/m.test(readme) ? 'module' : 'commonjs';
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type }));
  port = await freePort();
  server = start('server.ts');
  await answers();
}, 30_000);

afterAll(() => {
  server?.kill();
  rmSync(folder, { recursive: true, force: true });
});

test('the client prints the progress line and the streamed answer of the server', async () => {
  expect(await output(start('client.ts'))).toBe('Thinking…\nYou asked: How does a token travel?');
}, 30_000);

test('the curl example prints events one by one', async () => {
  const line = /^curl -N localhost:3000\/chatkit -H '(.*?)' \\\n\s+-d '(.*)'$/m.exec(readme);
  if (line?.[1] === undefined || line[2] === undefined) throw new Error('README.md has no curl example');
  const [name, value] = line[1].split(': ') as [string, string];
  const response = await fetch(`http://127.0.0.1:${port}/chatkit`, {
    method: 'POST',
    headers: { [name]: value },
    body: line[2],
  });
  let chunks = 0;
  let text = '';
  for await (const chunk of response.body ?? []) {
    chunks += 1;
    text += new TextDecoder().decode(chunk);
  }
  expect(text).toContain('data: {"type":"thread.created"');
  expect(chunks).toBeGreaterThan(4);
}, 30_000);
