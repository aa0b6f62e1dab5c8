import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Reply, SseFrame } from '../../src/index.ts';
import { deferred, still, turns, until } from './turns.ts';

export type Answer = (request: Request) => Promise<Reply> | Reply;

/** A transport under test: something that answers, and a `fetch` that reaches it. */
export interface RunningTransport {
  fetch(path: string, init?: RequestInit): Promise<Response>;
  close(): Promise<void>;
}

export interface TransportUnderTest {
  start(answer: Answer): Promise<RunningTransport>;
  /** The form of frames on this transport. */
  contentType: string;
  encode(frame: SseFrame): string;
  decode(body: ReadableStream<Uint8Array>): AsyncIterable<SseFrame>;
  /** The most that may be on the way, in all buffers together, while nobody reads. */
  bufferBytes: number;
}

const frame: fc.Arbitrary<SseFrame> = fc.record(
  {
    data: fc.string({ unit: 'grapheme' }).map((text) => text.replace(/[\r\n]/g, ' ')),
    id: fc.stringMatching(/^[a-z0-9-]{1,12}$/),
  },
  { requiredKeys: ['data'] },
);

/** What every transport must do, so that server and client need not know which one they have. */
export function describeTransport(name: string, transport: TransportUnderTest): void {
  const { encode, decode } = transport;
  const streamed = (body: AsyncIterable<string>): Reply => ({
    status: 200,
    headers: { 'content-type': transport.contentType },
    body,
  });
  const start = async (answer: Answer) => {
    const running = await transport.start(answer);
    onTestFinished(() => running.close());
    return running;
  };
  const open = async (running: RunningTransport, init?: RequestInit) => {
    const response = await running.fetch('/frames', init);
    return decode(response.body as ReadableStream<Uint8Array>)[Symbol.asyncIterator]();
  };
  const read = async (response: Response) => {
    const frames: SseFrame[] = [];
    for await (const one of decode(response.body as ReadableStream<Uint8Array>)) frames.push(one);
    return frames;
  };

  describe(`${name} as a transport`, () => {
    it('carries the request', async () => {
      const running = await start(async (request) => ({
        status: 200,
        headers: {},
        body: JSON.stringify({
          method: request.method,
          path: new URL(request.url).pathname + new URL(request.url).search,
          header: request.headers.get('chatkit-run-id'),
          type: request.headers.get('content-type'),
          text: await request.text(),
        }),
      }));
      const response = await running.fetch('/a/b?run=1&after=1-7', {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'ChatKit-Run-Id': 'x' },
        body: '{"é":"😀"}',
      });
      expect(await response.json()).toEqual({
        method: 'POST',
        path: '/a/b?run=1&after=1-7',
        header: 'x',
        type: 'application/json',
        text: '{"é":"😀"}',
      });
    });

    it('carries status, headers and a text body, and a reply without one', async () => {
      const running = await start((request) =>
        request.url.endsWith('/nothing')
          ? { status: 204, headers: {}, body: null }
          : { status: 422, headers: { 'content-type': 'application/json', 'chatkit-x': 'y' }, body: '{"error":"é"}' },
      );
      const refused = await running.fetch('/frames', { method: 'POST', body: '{}' });
      expect([refused.status, refused.headers.get('content-type'), refused.headers.get('chatkit-x')]).toEqual([
        422,
        'application/json',
        'y',
      ]);
      expect(await refused.text()).toBe('{"error":"é"}');
      const nothing = await running.fetch('/nothing');
      expect([nothing.status, await nothing.text()]).toEqual([204, '']);
    });

    it('delivers every frame, once, in order', async () => {
      let frames: SseFrame[] = [];
      const running = await start(() =>
        streamed(
          (async function* () {
            for (const [index, one] of frames.entries()) {
              yield encode(one);
              if (index % 3 === 0) await turns(1);
            }
          })(),
        ),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(frame, { maxLength: 30 }), async (made) => {
          frames = made;
          expect(await read(await running.fetch('/frames'))).toEqual(made);
        }),
        { numRuns: 20 },
      );
    });

    it('delivers a frame as soon as it is made, and large ones whole', async () => {
      const next = deferred();
      const large = '東'.repeat(100_000);
      const running = await start(() =>
        streamed(
          (async function* () {
            yield encode({ data: 'first' });
            await next.promise;
            yield encode({ data: large });
            yield encode({ data: 'last' });
          })(),
        ),
      );
      const frames = await open(running);
      expect((await frames.next()).value).toEqual({ data: 'first' });
      next.resolve();
      expect((await frames.next()).value).toEqual({ data: large });
      expect((await frames.next()).value).toEqual({ data: 'last' });
      expect((await frames.next()).done).toBe(true);
    });

    it('holds the maker back when nobody reads, and goes on when somebody does', async () => {
      const total = 4000;
      // Of a kind that no transport can make small.
      const [data] = fc.sample(fc.base64String({ minLength: 16_000, maxLength: 16_000 }), { numRuns: 1, seed: 1 }) as [
        string,
      ];
      let made = 0;
      const running = await start(() =>
        streamed(
          (async function* () {
            for (; made < total; made++) {
              yield encode({ data });
              if (made % 8 === 0) await turns(1);
            }
          })(),
        ),
      );
      const frames = await open(running);
      await frames.next();
      await still(() => made);
      expect(made * data.length).toBeLessThan(transport.bufferBytes);
      let count = 1;
      while (!(await frames.next()).done) count++;
      expect(count).toBe(total);
    });

    it.each(['waits', 'is busy'])(
      'a reader that leaves: the signal aborts, finally runs once (the maker %s)',
      async (how) => {
        const aborted = deferred();
        let finallyRuns = 0;
        const running = await start((request) => {
          const { signal } = request;
          signal.addEventListener('abort', () => aborted.resolve());
          return streamed(
            (async function* () {
              try {
                yield encode({ data: 'open' });
                if (how === 'waits') await aborted.promise;
                for (;;) {
                  yield encode({ data: 'x'.repeat(100) });
                  await turns(1);
                }
              } finally {
                finallyRuns++;
              }
            })(),
          );
        });
        const frames = await open(running);
        await frames.next();
        await frames.return?.();
        await aborted.promise;
        await until(() => finallyRuns > 0);
        await turns(5);
        expect(finallyRuns).toBe(1);
      },
    );

    it('aborting the request breaks the body with the reason, and the maker is returned', async () => {
      const controller = new AbortController();
      let finallyRuns = 0;
      const running = await start(() =>
        streamed(
          (async function* () {
            try {
              for (;;) {
                yield encode({ data: 'x' });
                await turns(1);
              }
            } finally {
              finallyRuns++;
            }
          })(),
        ),
      );
      const frames = await open(running, { signal: controller.signal });
      await frames.next();
      const reason = new Error('stop');
      controller.abort(reason);
      await expect(
        (async () => {
          while (!(await frames.next()).done);
        })(),
      ).rejects.toBe(reason);
      await until(() => finallyRuns > 0);
      await expect(running.fetch('/frames', { signal: controller.signal })).rejects.toBe(reason);
      expect(finallyRuns).toBe(1);
    });

    it('a body that breaks: what came before arrives, then an error and no clean end, and no word of the cause', async () => {
      const broken = deferred();
      const running = await start(() =>
        streamed(
          (async function* () {
            yield encode({ data: 'a' });
            await broken.promise;
            throw new Error('secret');
          })(),
        ),
      );
      const frames = await open(running);
      expect((await frames.next()).value).toEqual({ data: 'a' });
      broken.resolve();
      const error = await frames.next().then(
        () => undefined,
        (cause: unknown) => cause,
      );
      expect(error).toBeInstanceOf(Error);
      if (name !== 'Response in process')
        expect(JSON.stringify([error, String((error as Error).cause)])).not.toContain('secret');
    });

    it('keeps many exchanges apart', async () => {
      const running = await start((request) => {
        const who = new URL(request.url).searchParams.get('who') as string;
        return streamed(
          (async function* () {
            for (let n = 0; n < 50; n++) {
              yield encode({ data: `${who}-${n}` });
              if (n % 7 === Number(who) % 7) await turns(1);
            }
          })(),
        );
      });
      await Promise.all(
        Array.from({ length: 20 }, async (_, who) => {
          const frames = await read(await running.fetch(`/frames?who=${who}`));
          expect(frames.map((one) => one.data)).toEqual(Array.from({ length: 50 }, (__, n) => `${who}-${n}`));
        }),
      );
    });

    it('survives readers that leave at any point', async () => {
      let open = 0;
      const running = await start(() =>
        streamed(
          (async function* () {
            open++;
            try {
              for (let n = 0; n < 200; n++) {
                yield encode({ data: 'x'.repeat(500) });
                if (n % 10 === 0) await turns(1);
              }
            } finally {
              open--;
            }
          })(),
        ),
      );
      await Promise.all(
        Array.from({ length: 24 }, async (_, count) => {
          const frames = decode((await running.fetch('/frames')).body as ReadableStream<Uint8Array>)[
            Symbol.asyncIterator
          ]();
          for (let n = 0; n < count * 3; n++) await frames.next();
          await frames.return?.();
        }),
      );
      await until(() => open === 0);
      expect((await read(await running.fetch('/frames'))).length).toBe(200);
    });
  });
}
