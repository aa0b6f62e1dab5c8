// A `Request` follows the signal that it was made with only while somebody holds it. Frameworks let go of theirs when they have
// the response; a client that leaves is noticed all the same.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { progressUpdate } from '@chatkit/core';
import { expect, test } from 'vitest';
import { create, optIn, testServer } from './support.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const turn = () => new Promise((resolve) => setImmediate(resolve));

test.each([
  ['a plain client', {}],
  ['a client that resumes', optIn],
])('the run of %s hears that it left', async (_name, headers) => {
  let signal: AbortSignal | undefined;
  const { send } = testServer({
    disconnect: { resumable: 'cancel' },
    async *respond(_thread, _input, _user, run) {
      signal = run.signal;
      yield progressUpdate('…');
      await new Promise<void>((resolve) => run.signal.addEventListener('abort', () => resolve()));
    },
  });
  const client = new AbortController();
  const { body } = await send(create(), { headers, signal: client.signal });
  const reader = (body as ReadableStream<Uint8Array>).getReader();
  await reader.read();
  const rest = expect(
    (async () => {
      while (!(await reader.read()).done);
    })(),
  ).rejects.toThrow('gone');
  await turn();
  collect();
  await turn();
  client.abort(new Error('gone'));
  await rest;
  expect(signal?.aborted).toBe(true);
});
