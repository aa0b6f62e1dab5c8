// The server of the README, as it stands there, in a process of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { create, eventsOf, framesOf, shown, textOf } from './support.ts';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

test('it runs and answers', async () => {
  const code = /```ts\n([\s\S]*?)```/.exec(readFileSync(at('../README.md'), 'utf8'))?.[1] ?? '';
  expect(code).toContain('.listen(3000)');
  // Below the package, so that its imports resolve as they would for a user.
  mkdirSync(at('../node_modules/.cache'), { recursive: true });
  const file = at(`../node_modules/.cache/readme-${process.pid}.mjs`);
  writeFileSync(file, code.replace('.listen(3000)', '.listen(0, function () { console.log(this.address().port); })'));
  onTestFinished(() => rmSync(file));
  const child = spawn(process.execPath, ['--conditions=@chatkit/source', file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill());
  const [port] = await once(child.stdout, 'data');
  const response = await fetch(`http://127.0.0.1:${String(port).trim()}/`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(create('hi')),
  });
  expect(shown(eventsOf(await framesOf(response))).map(textOf)).toEqual(['hi', 'Hello, world']);
});
