import { from } from '@chatkit/stream';
import { expect, it, onTestFinished, vi } from 'vitest';
import { decodeSse, encodeSse, eventStreamHeaders, type Reply, toResponse } from '../src/index.ts';
import { collect } from './support/bytes.ts';
import { deferred, turns, until } from './support/node-server.ts';

const streamed = (body: AsyncIterable<string>): Reply => ({ status: 200, headers: { ...eventStreamHeaders }, body });
const bodyOf = (response: Response) => response.body as ReadableStream<Uint8Array>;

it('keeps status, headers and a text body', async () => {
  const response = toResponse({ status: 404, headers: { 'content-type': 'application/json' }, body: '{}' });
  expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([
    404,
    'application/json',
    '{}',
  ]);
  expect(toResponse({ status: 204, headers: {}, body: null }).body).toBeNull();
  for (const status of [204, 205, 304]) expect(toResponse({ status, headers: {}, body: '' }).status).toBe(status);
});

it('a status without a body lets go of one that was given', async () => {
  let returns = 0;
  const body: AsyncIterable<string> = {
    [Symbol.asyncIterator]: () => ({
      next: async () => ({ value: 'x', done: false }),
      return: async () => {
        returns++;
        return { value: undefined, done: true };
      },
    }),
  };
  const response = toResponse({ status: 204, headers: {}, body });
  expect([response.status, response.body, returns]).toEqual([204, null, 1]);
});

it('streams every frame in order, joining those of one turn', async () => {
  const frames = Array.from({ length: 2000 }, (_, n) => ({ data: `${n} é` }));
  const response = toResponse(
    streamed(
      (async function* () {
        for (const frame of frames) yield encodeSse(frame);
      })(),
    ),
  );
  const chunks = await collect(bodyOf(response) as never as AsyncIterable<Uint8Array>);
  expect(chunks.length).toBeLessThan(50);
  expect(await collect(decodeSse(new Response(new Blob(chunks as never)).body as never))).toEqual(frames);
});

it('runs nothing before the first read, and no further ahead than a batch', async () => {
  let made = 0;
  const response = toResponse(
    streamed(
      (async function* () {
        for (;;) {
          made++;
          yield encodeSse({ data: 'x'.repeat(1000) });
        }
      })(),
    ),
  );
  await turns(20);
  expect(made).toBe(0);
  const reader = bodyOf(response).getReader();
  await reader.read();
  await turns(200);
  expect(made).toBeLessThan(100);
  await reader.cancel();
});

it('a frame leaves although the next is not ready', async () => {
  const response = toResponse(
    streamed(
      (async function* () {
        yield encodeSse({ data: 'a' });
        await new Promise(() => {});
      })(),
    ),
  );
  const frames = decodeSse(bodyOf(response));
  expect((await frames.next()).value).toEqual({ data: 'a' });
  await frames.return?.();
});

it('cancel tells the owner, returns the iterator once, and waits for its clean-up', async () => {
  const log: string[] = [];
  const response = toResponse(
    streamed(
      (async function* () {
        try {
          for (;;) yield encodeSse({ data: 'x'.repeat(40_000) });
        } finally {
          await turns(2);
          log.push('finally');
        }
      })(),
    ),
    { onDisconnect: () => log.push('disconnect') },
  );
  const reader = bodyOf(response).getReader();
  await reader.read();
  await turns(5);
  await reader.cancel();
  expect(log).toEqual(['disconnect', 'finally']);
});

it('cancel is not held up by a body that is stuck, and the body is returned once it goes on', async () => {
  const go = deferred();
  let finallyRuns = 0;
  const response = toResponse(
    streamed(
      (async function* () {
        try {
          yield encodeSse({ data: 'a' });
          await go.promise;
          yield encodeSse({ data: 'b' });
        } finally {
          finallyRuns++;
        }
      })(),
    ),
  );
  const reader = bodyOf(response).getReader();
  await reader.read();
  await reader.cancel();
  expect(finallyRuns).toBe(0);
  go.resolve();
  await until(() => finallyRuns > 0);
  expect(finallyRuns).toBe(1);
});

it('abort ends the body with the reason and returns the iterator', async () => {
  const controller = new AbortController();
  let finallyRuns = 0;
  const response = toResponse(
    streamed(
      (async function* () {
        try {
          for (;;) {
            yield encodeSse({ data: 'a' });
            await turns(1);
          }
        } finally {
          finallyRuns++;
        }
      })(),
    ),
    { signal: controller.signal },
  );
  const reader = bodyOf(response).getReader();
  await reader.read();
  const reason = new Error('stop');
  controller.abort(reason);
  await expect(reader.read()).rejects.toBe(reason);
  await until(() => finallyRuns > 0);
  expect(finallyRuns).toBe(1);
});

it('a signal that has aborted before ends the body before it runs', async () => {
  let made = 0;
  const reason = new Error('stop');
  const body = (async function* () {
    made++;
    yield 'a';
  })();
  const onDisconnect = vi.fn();
  const response = toResponse(streamed(body), { signal: AbortSignal.abort(reason), onDisconnect });
  await expect(response.text()).rejects.toBe(reason);
  expect([made, onDisconnect.mock.calls.length]).toEqual([0, 1]);
  expect((await body.next()).done).toBe(true);
});

it('a reader that cancels as its request is aborted is told of no error, as servers print those', async () => {
  const gone = new AbortController();
  const response = toResponse(
    streamed(
      (async function* () {
        yield encodeSse({ data: 'a' });
        await new Promise(() => {});
      })(),
    ),
    { signal: gone.signal },
  );
  const reader = bodyOf(response).getReader();
  await reader.read();
  const waiting = reader.read();
  gone.abort(new Error('the client has gone'));
  void reader.cancel();
  expect((await waiting).done).toBe(true);
});

it('the error of a body arrives after everything before it', async () => {
  const response = toResponse(
    streamed(
      (async function* () {
        yield encodeSse({ data: 'a' });
        throw new Error('broken');
      })(),
    ),
  );
  const frames = decodeSse(bodyOf(response));
  expect((await frames.next()).value).toEqual({ data: 'a' });
  await expect(frames.next()).rejects.toThrow('broken');
});

it('lets go of a reader that leaves a chunk untaken for stuckMs, and of none that waits for the body', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const left = deferred();
  const gate = deferred();
  let finallyRuns = 0;
  const { body } = toResponse(
    streamed(
      (async function* () {
        try {
          yield 'a';
          await gate.promise;
          for (;;) yield 'b'.repeat(1000);
        } finally {
          finallyRuns++;
        }
      })(),
    ),
    { onDisconnect: left.resolve },
  );
  const reader = (body as ReadableStream<Uint8Array>).getReader();
  await reader.read();
  const second = reader.read();
  // The body is silent for longer than the reader may be.
  vi.advanceTimersByTime(60_000);
  gate.resolve();
  expect((await second).value?.byteLength).toBeGreaterThan(0);
  await turns(20);
  vi.advanceTimersByTime(29_999);
  expect(finallyRuns).toBe(0);
  vi.advanceTimersByTime(1);
  await left.promise;
  await expect(reader.read()).rejects.toMatchObject({ code: 'transport.interrupted', retryable: true });
  expect(finallyRuns).toBe(1);
});

it.each(['is read to its end', 'is cancelled'])('leaves no timer behind a body that %s', async (how) => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const reader = bodyOf(toResponse(streamed(from(['a'.repeat(100_000), 'b'])))).getReader();
  await reader.read();
  await turns(5);
  expect(vi.getTimerCount()).toBe(1);
  if (how === 'is cancelled') await reader.cancel();
  else while (!(await reader.read()).done);
  expect(vi.getTimerCount()).toBe(0);
});

it('asks nothing of a runtime that only looks like Node: Next.js Edge has stubs that throw where they are called', async () => {
  const stub = () => {
    throw new Error('A Node.js API is used which is not supported in the Edge Runtime.');
  };
  vi.stubGlobal('process', { env: {}, nextTick: stub });
  vi.stubGlobal('ByteLengthQueuingStrategy', stub);
  onTestFinished(() => {
    vi.unstubAllGlobals();
    vi.resetModules();
  });
  vi.resetModules();
  const edge = await import('../src/index.ts');
  const response = edge.toResponse(
    streamed(
      (async function* () {
        yield edge.encodeSse({ data: 'a' });
        await turns(1);
        yield edge.encodeSse({ data: 'b' });
      })(),
    ),
  );
  expect(await response.text()).toBe('data: a\n\ndata: b\n\n');
});
