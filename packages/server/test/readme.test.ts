// The server of the README, as it stands there, in a process of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { fileURLToPath } from 'node:url';
import { assistantMessage, itemAdded, itemDone, type ThreadMetadata, textDelta } from '@chatkit/core';
import * as memory from '@chatkit/store/memory';
import { expect, onTestFinished, test } from 'vitest';
import { type ChatKitServer, createChatKitServer } from '../src/index.ts';
import { add, cancel, create, eventsOf, framesOf, named, optIn, outcomeOf, shown, textOf } from './support.ts';

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

/** What the module of the guide exports, loaded once more, with a `respond()` as it is written at that time. */
const loadModule = (respond: ChatKitServer<unknown>['respond']): ChatKitServer<unknown> => {
  const guide = readFileSync(at('../../../docs/guides/frameworks.md'), 'utf8');
  const [, code = ''] = /```ts\n(\/\/ lib\/chat\.ts\n[\s\S]*?)```/.exec(guide) ?? [];
  const body = stripTypeScriptTypes(code.replaceAll(/^import .*$/gm, '')).replace('export const server =', 'return');
  const given = { createChatKitServer, ...memory, respond };
  return new Function(...Object.keys(given), body)(...Object.values(given));
};

test('the server of the guide outlives its module: an answer is read and stopped by the next one, which answers anew', async () => {
  onTestFinished(() => void Reflect.deleteProperty(globalThis, 'chatkit'));
  let reason: unknown;
  const before = loadModule(async function* (thread: ThreadMetadata, _input, _context, run) {
    const base = { thread_id: thread.id, id: 'slow' };
    yield itemAdded(assistantMessage(base));
    yield textDelta('slow', 'half');
    await once(run.signal, 'abort');
    reason = run.signal.reason;
  });
  const post = (server: ChatKitServer<unknown>, body: unknown, run: Record<string, string> = {}) => {
    const headers = { 'content-type': 'application/json', ...optIn, ...run };
    return server.handle(
      new Request('http://test/', { method: 'POST', headers, body: JSON.stringify(body) }),
      undefined,
    );
  };
  const frames = framesOf(await post(before, create('hi'), named('first')));

  const after = loadModule(async function* (thread: ThreadMetadata) {
    yield itemDone(assistantMessage({ thread_id: thread.id, id: 'new', text: 'edited' }));
  });
  expect(after).not.toBe(before);
  const followed = framesOf(await after.handle(new Request('http://test/?run=first'), undefined));
  expect((await post(after, cancel('first'))).status).toBe(200);
  expect([outcomeOf(await frames), outcomeOf(await followed)]).toEqual(['cancelled', 'cancelled']);
  expect(String(reason)).toContain('cancel');

  const [begun] = eventsOf(await frames);
  const next = await post(after, add(begun?.type === 'thread.created' ? begun.thread.id : '', 'and now?'));
  expect(shown(eventsOf(await framesOf(next))).map(textOf)).toEqual(['and now?', 'edited']);
});
