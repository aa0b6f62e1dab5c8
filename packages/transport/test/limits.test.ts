/**
 * Faults and attacks on running servers: readers that do not read, clients that leave, input that tries to be a frame.
 */
import type { ServerResponse } from 'node:http';
import { type AddressInfo, connect, createServer as createProxy, type Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  createSseJsonDecoder,
  decodeSse,
  encodeSse,
  eventStreamHeaders,
  type Reply,
  type SseFrame,
  toResponse,
} from '../src/index.ts';
import { writeReply } from '../src/node/index.ts';
import { bytesOf, collect, splitAt, stream } from './support/bytes.ts';
import { deferred, openSocket, serve, still, stopTime, turns, until } from './support/node-server.ts';

const MB = 1_000_000;
const streamed = (body: AsyncIterable<string>): Reply => ({ status: 200, headers: { ...eventStreamHeaders }, body });
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const heapMB = () => {
  collectGarbage();
  return process.memoryUsage().heapUsed / MB;
};

describe('a client that does not read, with 200 MB on offer', () => {
  const offer = (made: { bytes: number }) =>
    (async function* () {
      for (let n = 0; n < 50_000; n++) {
        made.bytes += 4000;
        yield encodeSse({ data: String(n).padEnd(4000, 'x') });
        if (n % 8 === 0) await turns(1);
      }
    })();

  it.each(['the framed writer', 'response.write'])(
    'holds back the maker; we hold 100 KiB at most (%s)',
    async (how) => {
      const made = { bytes: 0 };
      let response: ServerResponse | undefined;
      const { port } = await serve((_request, answered) => {
        response = answered;
        if (how === 'response.write') answered.write = answered.write.bind(answered) as never;
        void writeReply(streamed(offer(made)), answered);
      });
      const before = heapMB();
      const socket = await openSocket(port);
      await until(() => made.bytes > MB);
      await still(() => made.bytes);
      // Two socket buffers of the kernel, which grow to about 10 MB on loopback, and what is ours.
      expect(made.bytes).toBeLessThan(16 * MB);
      expect(response?.socket?.writableLength).toBeLessThanOrEqual(100 * 1024);
      expect(heapMB() - before).toBeLessThan(3);
      let received = 0;
      socket.on('data', (chunk) => {
        received += chunk.length;
      });
      await until(() => received > 20 * MB);
    },
  );

  it('holds back the maker behind a Response', async () => {
    const made = { bytes: 0 };
    const reader = (toResponse(streamed(offer(made))).body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    await still(() => made.bytes);
    expect(made.bytes).toBeLessThan(100 * 1024);
    await reader.cancel();
  });
});

describe('a client that leaves', () => {
  it('a Response that is cancelled returns its source at once, and nothing more is made', async () => {
    let made = 0;
    let finallyRuns = 0;
    const response = toResponse(
      streamed(
        (async function* () {
          try {
            for (;;) {
              made++;
              yield encodeSse({ data: 'x'.repeat(1000) });
            }
          } finally {
            finallyRuns++;
          }
        })(),
      ),
    );
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    await reader.cancel();
    const before = made;
    await turns(50);
    expect([made, finallyRuns]).toEqual([before, 1]);
  });

  it('while writes wait for it: the promise settles and the source is returned', async () => {
    const settled = deferred();
    let finallyRuns = 0;
    let made = 0;
    const { port } = await serve((_request, response) => {
      const body = (async function* () {
        try {
          for (;;) {
            made++;
            yield encodeSse({ data: 'x'.repeat(10_000) });
          }
        } finally {
          finallyRuns++;
        }
      })();
      writeReply(streamed(body), response).then(settled.resolve, settled.reject);
    });
    const socket = await openSocket(port);
    await until(() => made > 0);
    await still(() => made);
    socket.resetAndDestroy();
    await settled.promise;
    await until(() => finallyRuns > 0);
    expect(finallyRuns).toBe(1);
  });

  it('10,000 replies that were left hold on to nothing', async () => {
    const leave = async () => {
      const response = toResponse(
        streamed(
          (async function* () {
            yield encodeSse({ data: 'x'.repeat(1000) });
            await new Promise(() => {});
          })(),
        ),
        { signal: kept.signal },
      );
      const reader = (response.body as ReadableStream<Uint8Array>).getReader();
      await reader.read();
      await reader.cancel();
    };
    const kept = new AbortController();
    for (let n = 0; n < 500; n++) await leave();
    const before = heapMB();
    for (let n = 0; n < 10_000; n++) await leave();
    expect(heapMB() - before).toBeLessThan(2);
  });

  it('is let go of when the network swallows everything (half-open)', async () => {
    const left = deferred();
    const { port } = await serve((_request, response) => {
      const body = (async function* () {
        for (;;) {
          yield encodeSse({ data: 'x'.repeat(50_000) });
          await turns(1);
        }
      })();
      void writeReply(streamed(body), response, { stuckMs: 100, onDisconnect: left.resolve });
    });
    const pairs: Socket[] = [];
    const proxy = createProxy((client) => {
      const server = connect(port, '127.0.0.1');
      pairs.push(client, server);
      for (const socket of [client, server]) socket.on('error', () => {});
      client.pipe(server);
      server.pipe(client);
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      for (const socket of pairs) socket.destroy();
      proxy.close();
    });
    const client = await openSocket((proxy.address() as AddressInfo).port);
    await new Promise((resolve) => client.once('data', resolve));
    // Both connections stay open, nothing passes.
    pairs[0]?.unpipe();
    pairs[1]?.unpipe();
    pairs[1]?.pause();
    await left.promise;
  });
});

describe('a server that frames with CRLF', () => {
  it('is read whole, by both decoders, at every split', async () => {
    const events = [1, 2, 3, 4].map((n) => ({ type: 'TEXT', delta: `é${n}` }));
    const bytes = bytesOf(
      events.map((event, n) => `event: message\r\nid: ${n}\r\ndata: ${JSON.stringify(event)}\r\n\r\n`).join(''),
    );
    for (let at = 0; at <= bytes.length; at++) {
      const chunks = splitAt(bytes, [at]);
      const frames = await collect(decodeSse(stream(chunks)));
      expect(frames.map((frame) => JSON.parse(frame.data as string))).toEqual(events);
      const values: unknown[] = [];
      const decoder = createSseJsonDecoder((frame) => values.push(frame.value));
      for (const chunk of chunks) decoder.push(chunk);
      expect(values).toEqual(events);
    }
  });
});

describe('input that tries to be a frame, on a running server', () => {
  /** What a client reads of a server that puts the attacker's frame between two of its own. */
  const attack = async (frame: SseFrame) => {
    const failed = deferred<unknown>();
    const { url } = await serve((_request, response) => {
      writeReply(
        streamed(
          (async function* () {
            yield encodeSse({ data: 'before' });
            yield encodeSse(frame);
            yield encodeSse({ data: 'after' });
          })(),
        ),
        response,
      ).then(() => failed.resolve(undefined), failed.resolve);
    });
    const response = await fetch(url);
    const frames: SseFrame[] = [];
    try {
      for await (const one of decodeSse(response.body as ReadableStream<Uint8Array>)) frames.push(one);
    } catch {
      // the cut
    }
    return { frames, error: await failed.promise };
  };

  it.each<[string, SseFrame]>([
    ['an event name', { event: 'a\n\nevent: admin\ndata: pwned', data: '' }],
    ['an id with CR', { id: '1\rdata: pwned', data: '' }],
    ['an id with NUL', { id: '1\u0000', data: '' }],
    ['an id outside ASCII', { id: '…', data: '' }],
    ['an id that is too long', { id: 'x'.repeat(129), data: '' }],
    ['a retry that is text', { retry: '1\ndata: pwned' as never }],
    ['a retry that overflows', { retry: 3e9 }],
  ])('%s: nothing of it reaches the wire', async (_row, frame) => {
    const { frames, error } = await attack(frame);
    expect(frames).toEqual([{ data: 'before' }]);
    expect(error).toMatchObject({ code: 'transport.invalid_frame' });
  });

  it('data stays data', async () => {
    const { frames } = await attack({ data: 'l1\rl2\nevent: evil\r\n\r\nid: 9\u2028' });
    expect(frames).toEqual([{ data: 'before' }, { data: 'l1\nl2\nevent: evil\n\nid: 9\u2028' }, { data: 'after' }]);
  });

  it('a comment stays a comment', async () => {
    const { frames } = await attack({ comment: 'x\n\ndata: pwned' });
    expect(frames.filter((frame) => frame.data !== undefined)).toEqual([{ data: 'before' }, { data: 'after' }]);
  });

  it('a header cannot break its line', async () => {
    const headers = { 'x-a': 'a\r\nset-cookie: pwned=1' };
    const refused = deferred<unknown>();
    const { url } = await serve((_request, response) => {
      writeReply({ status: 200, headers, body: '' }, response).catch((error) => {
        refused.resolve(error);
        response.end();
      });
    });
    expect((await fetch(url)).headers.get('set-cookie')).toBeNull();
    expect(await refused.promise).toMatchObject({ code: 'ERR_INVALID_CHAR' });
    expect(() => toResponse({ status: 200, headers, body: '' })).toThrow(TypeError);
  });

  it('a line that never ends is dropped at the bound, over a real connection', async () => {
    let sent = 0;
    const gone = deferred();
    const { url } = await serve((_request, response) => {
      response.on('close', () => gone.resolve());
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: ');
      const more = (): void => {
        while (!response.destroyed && response.write('x'.repeat(16_384))) sent += 16_384;
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    });
    const response = await fetch(url);
    const frames = decodeSse(response.body as ReadableStream<Uint8Array>);
    await expect(frames.next()).rejects.toMatchObject({ code: 'transport.invalid_frame' });
    await gone.promise;
    expect(sent).toBeLessThan(64 * MB);
  });
});

describe('200 busy connections', () => {
  it('take turns: when the last has made its first frame, none has made more than a few', async () => {
    // Otherwise the stream engine ends a turn by its own clock, too.
    stopTime();
    const open = deferred();
    const made = new Map<number, number>();
    let mostWhenAllHadBegun: number | undefined;
    const inFirstTurn: number[] = [];
    let count = 0;
    const { port } = await serve((_request, response) => {
      const id = count++;
      const body = (async function* () {
        await open.promise;
        for (let sent = 0; sent < 400_000; sent += 1000) {
          made.set(id, sent + 1000);
          if (sent === 0) setImmediate(() => inFirstTurn.push(made.get(id) as number));
          if (made.size === 200) mostWhenAllHadBegun ??= Math.max(...made.values());
          yield encodeSse({ data: 'x'.repeat(1000) });
        }
      })();
      void writeReply(streamed(body), response);
    });
    for (const socket of await Promise.all(Array.from({ length: 200 }, () => openSocket(port)))) socket.resume();
    await until(() => count === 200);
    open.resolve();
    await until(() => made.size === 200 && [...made.values()].every((bytes) => bytes === 400_000));
    expect(mostWhenAllHadBegun).toBeLessThanOrEqual(8_000);
    // The loop comes round to the others, and to new ones, before anybody has filled a batch.
    expect(Math.max(...inFirstTurn)).toBeLessThanOrEqual(16_000);
  });
});
