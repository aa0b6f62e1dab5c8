// A runtime that ends a request's work with its client is told how long to go on.
import { hang, say, scriptedResponder } from '@chatkit/testing';
import { expect, test } from 'vitest';
import { ada, create, optIn, testServer } from './support.ts';

const ask = (headers: Record<string, string> = {}) =>
  new Request('http://test/chatkit', {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(create()),
  });

test.each([
  ['a plain client that leaves', {}],
  ['one that can resume', optIn],
])('waitUntil is given the run: %s', async (_, headers) => {
  const t = testServer({ respond: scriptedResponder([say('one'), hang()]) });
  const works: Promise<unknown>[] = [];
  const response = await t.server.handle(ask(headers), ada, { waitUntil: (work) => void works.push(work) });
  expect(works).toHaveLength(1);
  await response.body?.cancel();
  if (headers === optIn) await t.server.close({ graceMs: 0 });
  expect(await works[0]).toBe(headers === optIn ? 'interrupted' : 'cancelled');
});

test('what starts no run keeps nobody waiting', async () => {
  const t = testServer();
  const works: Promise<unknown>[] = [];
  const options = { waitUntil: (work: Promise<unknown>) => void works.push(work) };
  const list = JSON.stringify({ type: 'threads.list', params: {} });
  await t.server.handle(
    new Request('http://test/', { method: 'POST', headers: { 'content-type': 'application/json' }, body: list }),
    ada,
    options,
  );
  expect(works).toEqual([]);
});

test.each<[string, () => void]>([
  [
    'throws',
    () => {
      throw new TypeError('Illegal invocation');
    },
  ],
  [
    'rejects',
    async () => {
      throw new TypeError('Illegal invocation');
    },
  ],
])('a waitUntil that %s is reported, and the answer is streamed', async (_, waitUntil) => {
  const t = testServer({ respond: scriptedResponder([say('one')]) });
  const response = await t.server.handle(ask(), ada, { waitUntil });
  expect(response.status).toBe(200);
  expect(await response.text()).toContain('one');
  expect(t.errors).toEqual([new TypeError('Illegal invocation')]);
});
