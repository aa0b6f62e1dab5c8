import { describe, expect, it } from 'vitest';
import { decodeSse } from '../src/index.ts';
import { bytesOf, collect } from './support/bytes.ts';

const done = { value: undefined, done: true };

describe('the iterator of a decoder', () => {
  it('reads nothing before the first next(), and one chunk at a time after it', async () => {
    let reads = 0;
    const source: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ value: bytesOf(`data: ${++reads}\n\ndata: x\n\n`), done: false }),
      }),
    };
    const frames = decodeSse(source);
    await Promise.resolve();
    expect(reads).toBe(0);
    await frames.next();
    await frames.next();
    expect(reads).toBe(1);
    await frames.next();
    expect(reads).toBe(2);
  });

  it('return() while a read is pending settles every next() as done and cancels the source at once', async () => {
    let cancelled = 0;
    const never = new ReadableStream<Uint8Array>({
      cancel() {
        cancelled++;
      },
    });
    const frames = decodeSse(never);
    const pending = [frames.next(), frames.next(), frames.next()];
    await Promise.resolve();
    expect(await frames.return?.()).toEqual(done);
    expect(await Promise.all(pending)).toEqual([done, done, done]);
    expect(cancelled).toBe(1);
    expect(await frames.return?.()).toEqual(done);
    expect(cancelled).toBe(1);
  });

  it('is not held up by a source that is stuck inside next()', async () => {
    const stuck = (async function* (): AsyncGenerator<Uint8Array> {
      await new Promise(() => {});
    })();
    const frames = decodeSse(stuck);
    const pending = frames.next();
    expect(await frames.return?.()).toEqual(done);
    expect(await pending).toEqual(done);
  });

  it('waits for the clean-up of an idle source', async () => {
    let isClean = false;
    const source = (async function* () {
      try {
        yield bytesOf('data: a\n\n');
      } finally {
        await new Promise((resolve) => setImmediate(resolve));
        isClean = true;
      }
    })();
    for await (const _ of decodeSse(source)) break;
    expect(isClean).toBe(true);
  });

  it('delivers what was decoded before the source failed, then its error, once', async () => {
    const reason = new Error('lost');
    const source = (async function* () {
      yield bytesOf('data: a\n\ndata: b\n\ndata: c');
      throw reason;
    })();
    const frames = decodeSse(source);
    const results = await Promise.allSettled([frames.next(), frames.next(), frames.next(), frames.next()]);
    expect(results.map((result) => (result.status === 'rejected' ? result.reason : result.value))).toEqual([
      { value: { data: 'a' }, done: false },
      { value: { data: 'b' }, done: false },
      reason,
      done,
    ]);
  });

  it('settles overlapping calls of next() in order', async () => {
    const source = (async function* () {
      for (const letter of 'abcdef') yield bytesOf(`data: ${letter}\n\n`);
    })();
    const frames = decodeSse(source);
    const order: string[] = [];
    await Promise.all(
      Array.from({ length: 6 }, async () => {
        const { value } = await frames.next();
        order.push(value?.data ?? '');
      }),
    );
    expect(order.join('')).toBe('abcdef');
    expect(await collect(frames)).toEqual([]);
  });
});
