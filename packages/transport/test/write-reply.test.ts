import { expect, it, onTestFinished, vi } from 'vitest';
import { decodeSse, encodeSse, eventStreamHeaders, type Reply } from '../src/index.ts';
import { writeReply } from '../src/node/index.ts';
import { collect } from './support/bytes.ts';
import { deferred, openSocket, serve, still, turns, until } from './support/node-server.ts';

const streamed = (body: AsyncIterable<string>): Reply => ({ status: 200, headers: { ...eventStreamHeaders }, body });

it('writes a text reply', async () => {
  const { url } = await serve((_request, response) => {
    void writeReply({ status: 422, headers: { 'content-type': 'application/json' }, body: '{"é":1}' }, response);
  });
  const response = await fetch(url);
  expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([
    422,
    'application/json',
    '{"é":1}',
  ]);
});

it('writes a reply without a body', async () => {
  const { url } = await serve(
    (_request, response) => void writeReply({ status: 204, headers: {}, body: null }, response),
  );
  const response = await fetch(url);
  expect([response.status, await response.text()]).toEqual([204, '']);
});

it.each(['has been sent', 'cannot be written'])('rejects, and closes the body, when a head %s', async (what) => {
  let returns = 0;
  const body = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise<never>(() => {}),
      return: async () => ({ value: ++returns, done: true as const }),
    }),
  };
  const failed = deferred<unknown>();
  const { url } = await serve((_request, response) => {
    if (what === 'has been sent') response.writeHead(503).end();
    const headers = { name: what === 'has been sent' ? 'value' : 'two\nlines' };
    writeReply({ status: 200, headers, body }, response).catch((error) => {
      failed.resolve(error);
      response.destroy();
    });
  });
  await fetch(url).catch(() => {});
  expect(await failed.promise).toBeInstanceOf(Error);
  expect(returns).toBe(1);
});

it('streams every frame in order', async () => {
  const { url } = await serve((_request, response) => {
    void writeReply(
      streamed(
        (async function* () {
          for (let n = 0; n < 5000; n++) {
            yield encodeSse({ id: String(n), data: n % 7 === 0 ? `${n} é😀` : String(n) });
            if (n % 997 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
          }
        })(),
      ),
      response,
    );
  });
  const response = await fetch(url);
  const frames = await collect(decodeSse(response.body as ReadableStream<Uint8Array>));
  expect(frames).toEqual(
    Array.from({ length: 5000 }, (_, n) => ({ id: String(n), data: n % 7 === 0 ? `${n} é😀` : String(n) })),
  );
});

it('sends the headers although the body is silent, and the first frame although the second is not ready', async () => {
  const first = deferred();
  const { url } = await serve((_request, response) => {
    void writeReply(
      streamed(
        (async function* () {
          await first.promise;
          yield encodeSse({ data: 'a' });
          await new Promise(() => {});
        })(),
      ),
      response,
    );
  });
  const response = await fetch(url);
  expect(response.headers.get('x-accel-buffering')).toBe('no');
  first.resolve();
  const frames = decodeSse(response.body as ReadableStream<Uint8Array>);
  expect((await frames.next()).value).toEqual({ data: 'a' });
  await frames.return?.();
});

it.each(['idle', 'busy', 'stuck behind a client that does not read'])(
  'a client that leaves: the owner is told, the iterator is returned, finally runs once (%s)',
  async (how) => {
    const controller = new AbortController();
    let finallyRuns = 0;
    const written = deferred();
    const { port } = await serve((_request, response) => {
      const body = (async function* () {
        try {
          yield encodeSse({ data: 'open' });
          const aborted = new Promise<void>((resolve) => controller.signal.addEventListener('abort', () => resolve()));
          if (how === 'idle') await aborted;
          else for (;;) yield encodeSse({ data: 'x'.repeat(how === 'busy' ? 10 : 100_000) });
        } finally {
          finallyRuns++;
        }
      })();
      void writeReply(streamed(body), response, { onDisconnect: () => controller.abort() }).then(() =>
        written.resolve(),
      );
    });
    const socket = await openSocket(port);
    if (how === 'busy') socket.resume();
    await new Promise((resolve) => socket.once('readable', resolve));
    socket.destroy();
    await written.promise;
    expect(controller.signal.aborted).toBe(true);
    await until(() => finallyRuns > 0);
    expect(finallyRuns).toBe(1);
  },
);

it('a body that fails: what came before arrives, the connection is cut, the promise rejects', async () => {
  const outcome = deferred<unknown>();
  const closed = deferred();
  const onDisconnect = vi.fn();
  const { url } = await serve((_request, response) => {
    response.once('close', closed.resolve);
    writeReply(
      streamed(
        (async function* () {
          yield encodeSse({ data: 'a' });
          await new Promise((resolve) => setTimeout(resolve, 20));
          throw new Error('secret');
        })(),
      ),
      response,
      { onDisconnect },
    ).catch(outcome.resolve);
  });
  const response = await fetch(url);
  const frames = decodeSse(response.body as ReadableStream<Uint8Array>);
  expect((await frames.next()).value).toEqual({ data: 'a' });
  await expect(frames.next()).rejects.toThrow();
  expect(await outcome.promise).toEqual(new Error('secret'));
  await closed.promise;
  await turns(1);
  // It is not the client who has left.
  expect(onDisconnect).not.toHaveBeenCalled();
});

it('a request for the headers alone runs nothing and lets go of the body', async () => {
  let runs = 0;
  let returns = 0;
  const { url } = await serve((_request, response) => {
    const body: AsyncIterable<string> = {
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ value: String(++runs), done: false }),
        return: async () => {
          returns++;
          return { value: undefined, done: true };
        },
      }),
    };
    void writeReply(streamed(body), response);
  });
  const response = await fetch(url, { method: 'HEAD' });
  expect([response.status, await response.text(), runs, returns]).toEqual([200, '', 0, 1]);
});

it.each([204, 205, 304])(
  'a status without a body runs nothing and lets go of one that was given (%i)',
  async (status) => {
    let runs = 0;
    const written = deferred();
    const body = {
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ value: String(++runs), done: false as const }),
        return: async () => ({ value: undefined, done: true as const }),
      }),
    };
    const { url } = await serve((_request, response) => {
      void writeReply({ status, headers: {}, body }, response).then(written.resolve);
    });
    const response = await fetch(url);
    await written.promise;
    expect([response.status, await response.text(), runs]).toEqual([status, '', 0]);
  },
);

it('a client that has left before the reply: the owner is told, and the iterator is returned', async () => {
  let returns = 0;
  const written = deferred();
  const body = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise<never>(() => {}),
      return: async () => ({ value: ++returns, done: true as const }),
    }),
  };
  const onDisconnect = vi.fn();
  const { port } = await serve((_request, response) => {
    response.once('close', () => writeReply(streamed(body), response, { onDisconnect }).then(written.resolve));
    socket.destroy();
  });
  const socket = await openSocket(port);
  await written.promise;
  expect([returns, onDisconnect.mock.calls.length]).toEqual([1, 1]);
});

it('an error of the response, which would end the process, is its own', async () => {
  const written = deferred();
  const { url } = await serve((_request, response) => {
    void writeReply(streamed((async function* () {})()), response).then(written.resolve);
    response.emit('error', new Error('write EPIPE'));
  });
  expect(await (await fetch(url)).text()).toBe('');
  await written.promise;
});

it.each([30_000, Number.POSITIVE_INFINITY])(
  'keeps a client that has taken everything, however long the body is silent (stuckMs %d)',
  async (stuckMs) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const silence = deferred();
    const written = deferred();
    const { port } = await serve((_request, response) => {
      const body = (async function* () {
        for (const text of ['a', 'b', 'c']) yield text.repeat(100_000);
        await silence.promise;
        yield 'last';
      })();
      void writeReply({ status: 200, headers: {}, body }, response, { stuckMs }).then(written.resolve);
    });
    const socket = await openSocket(port, 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    let text = '';
    socket.setEncoding('latin1').on('data', (part) => {
      text += part;
      // Nothing waits any more when the timers are moved on.
      if (text.endsWith('c\r\n')) setImmediate(() => silence.resolve(void vi.advanceTimersByTime(60_000)));
    });
    await new Promise((resolve) => socket.once('end', resolve));
    await written.promise;
    expect(text.endsWith('4\r\nlast\r\n0\r\n\r\n')).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  },
);

it('lets go of a client that does not take a write within stuckMs', async () => {
  const left = deferred();
  const { port } = await serve((_request, response) => {
    const body = (async function* () {
      for (;;) yield encodeSse({ data: 'x'.repeat(100_000) });
    })();
    void writeReply(streamed(body), response, { stuckMs: 50, onDisconnect: left.resolve });
  });
  await openSocket(port);
  await left.promise;
});

it('keeps one that takes nothing where stuckMs is `Infinity`', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const onDisconnect = vi.fn();
  let made = 0;
  const { port } = await serve((_request, response) => {
    const body = (async function* () {
      for (; ; made++) yield encodeSse({ data: 'x'.repeat(100_000) });
    })();
    void writeReply(streamed(body), response, { stuckMs: Number.POSITIVE_INFINITY, onDisconnect });
  });
  await openSocket(port);
  await until(() => made > 0);
  await still(() => made);
  vi.advanceTimersByTime(2 ** 31);
  await turns(5);
  expect(onDisconnect).not.toHaveBeenCalled();
});
