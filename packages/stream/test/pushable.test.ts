/** `pushable` and the bridges to events, web streams and Node. */

import { EventEmitter, getEventListeners } from 'node:events';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  collect,
  forEach,
  fromEvents,
  fromReadableStream,
  map,
  OverflowError,
  pipe,
  pushable,
  take,
  toReadableStream,
} from '../src/index.ts';
import { fromNodeReadable, toNodeReadable } from '../src/node/index.ts';
import { ProbeSource, stateOf } from './support/probe-source.ts';
import { settle } from './support/virtual-clock.ts';

const done = { done: true, value: undefined };

describe('pushable', () => {
  it('delivers what is pushed, in order, however it is pushed and read', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.integer(), fc.array(fc.integer(), { maxLength: 5 }), fc.constant('read' as const))),
        async (steps) => {
          const source = pushable<number>({ capacity: Number.POSITIVE_INFINITY });
          const reads: Promise<IteratorResult<number, undefined>>[] = [];
          for (const step of steps) {
            if (step === 'read') reads.push(source.next());
            else if (typeof step === 'number') source.push(step);
            else source.pushMany(step);
          }
          source.end();
          const first = (await Promise.all(reads)).flatMap((result) => (result.done ? [] : [result.value]));
          expect([...first, ...(await collect(source))]).toEqual(steps.filter((step) => step !== 'read').flat());
        },
      ),
    );
  });

  it('says when to hold on, and when to go on', async () => {
    const source = pushable<number>({ capacity: 2 });
    expect([source.push(1), source.push(2)]).toEqual([true, false]);
    const ready = source.ready();
    expect((await stateOf(ready)).state).toBe('pending');
    await source.next();
    expect(await ready).toBe(true);
    expect(source.size).toBe(1);
    await source.return();
    expect([await source.ready(), source.push(3), source.isOver]).toEqual([false, false, true]);
  });

  it('keeps a producer that waits within its capacity', async () => {
    const source = pushable<number>({ capacity: 8 });
    let most = 0;
    (async () => {
      for (let item = 0; item < 500; item++) {
        most = Math.max(most, source.size);
        if (!source.push(item) && !(await source.ready())) return;
      }
      source.end();
    })();
    expect((await collect(source)).length).toBe(500);
    expect(most).toBeLessThanOrEqual(8);
  });

  it('fails behind what is queued when it overflows', async () => {
    const source = pushable<number>({ capacity: 2 });
    for (let item = 0; item < 9; item++) source.push(item);
    const got: number[] = [];
    await expect(
      pipe(
        source,
        forEach((item) => void got.push(item)),
      ),
    ).rejects.toBeInstanceOf(OverflowError);
    expect(got).toEqual([0, 1]);
  });

  it.each([
    ['drop-oldest', [7, 8], [0, 1, 2, 3, 4, 5, 6]],
    ['drop-newest', [0, 1], [2, 3, 4, 5, 6, 7, 8]],
  ] as const)('%s counts and reports what is lost', async (overflow, kept, lost) => {
    const dropped: number[] = [];
    const source = pushable<number>({ capacity: 2, overflow, onDrop: (item) => dropped.push(item) });
    for (let item = 0; item < 9; item++) source.push(item);
    source.end();
    expect(await collect(source)).toEqual(kept);
    expect([dropped, source.dropped]).toEqual([lost, 7]);
  });

  it('tells its owner when the reader closes it, and waits for the answer', async () => {
    let finish = () => {};
    let closes = 0;
    const source = pushable<number>({
      onClose: () => {
        closes++;
        return new Promise<void>((resolve) => {
          finish = resolve;
        });
      },
    });
    const returned = pipe(
      source,
      map((item) => item),
    ).return();
    expect(closes).toBe(1);
    expect((await stateOf(returned)).state).toBe('pending');
    finish();
    await returned;
  });

  it('can be closed when a pipeline has taken it over: the pipeline ends', async () => {
    const source = pushable<number>();
    const stream = pipe(
      source,
      map((item) => item),
    );
    const next = stream.next();
    await source.return();
    expect(await next).toEqual(done);
  });

  it('refuses a second reader', async () => {
    const source = pushable<number>();
    pipe(
      source,
      map((item) => item),
    );
    await expect(source.next()).rejects.toThrow('already has a reader');
    expect(() =>
      pipe(
        source,
        map((item) => item),
      ),
    ).toThrow('already has a reader');
  });

  it('hands over what has been fetched when reading goes on through an operator', async () => {
    const source = pushable<number>();
    source.pushMany([1, 2, 3, 4]);
    source.end();
    expect((await source.next()).value).toBe(1);
    expect(
      await pipe(
        source,
        map((item) => item * 10),
        collect,
      ),
    ).toEqual([20, 30, 40]);
  });
});

describe('fromEvents', () => {
  it('attaches with the first next() and detaches on every ending', async () => {
    const endings: Record<string, (emitter: EventEmitter, stream: AsyncIterator<unknown>) => unknown> = {
      end: (emitter) => emitter.emit('end'),
      error: (emitter) => emitter.emit('error', new Error('broken')),
      return: (_emitter, stream) => stream.return?.(),
    };
    for (const [how, ending] of Object.entries(endings)) {
      const emitter = new EventEmitter();
      const stream = fromEvents<number>(emitter, 'data', { end: 'end', error: 'error' });
      expect(emitter.eventNames()).toEqual([]);
      const next = stream.next();
      emitter.emit('data', 1);
      emitter.emit('data', 2);
      expect((await next).value).toBe(1);
      await ending(emitter, stream);
      expect(emitter.eventNames()).toEqual([]);
      if (how !== 'return') expect((await stream.next()).value).toBe(2);
      if (how === 'error') await expect(stream.next()).rejects.toThrow('broken');
      expect(await stream.next()).toEqual(done);
    }
  });

  it('takes an EventTarget', async () => {
    const target = new EventTarget();
    const stream = fromEvents<Event>(target, 'ping');
    const next = stream.next();
    target.dispatchEvent(new Event('ping'));
    expect((await next).value?.type).toBe('ping');
    await stream.return();
    expect(getEventListeners(target, 'ping')).toEqual([]);
  });

  it('is bounded', async () => {
    const emitter = new EventEmitter();
    const stream = fromEvents<number>(emitter, 'data', { capacity: 2 });
    const next = stream.next();
    for (let item = 0; item < 9; item++) emitter.emit('data', item);
    await next;
    expect(emitter.eventNames()).toEqual([]);
    expect([(await stream.next()).value, (await stream.next()).value]).toEqual([1, 2]);
    await expect(stream.next()).rejects.toBeInstanceOf(OverflowError);
  });
});

describe('web streams', () => {
  it('there and back gives the same', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.anything()), async (items) => {
        expect(await collect(fromReadableStream(toReadableStream(items.map((item) => ({ item })))))).toEqual(
          items.map((item) => ({ item })),
        );
      }),
    );
  });

  it('pulls only when read, and cancel() closes the source', async () => {
    const source = new ProbeSource([1, 2, 3]);
    const readable = toReadableStream(source);
    await settle();
    expect(source.nexts).toBe(0);
    const reader = readable.getReader();
    expect(await reader.read()).toEqual({ done: false, value: 1 });
    await settle();
    expect(source.nexts).toBe(1);
    await reader.cancel();
    expect(source.returns).toBe(1);
  });

  it('delivers what came before an error', async () => {
    const source = pushable<number>();
    source.pushMany([1, 2, 3]);
    source.fail(new Error('boom'));
    const got: number[] = [];
    const reading = fromReadableStream(toReadableStream(source));
    await expect(
      pipe(
        reading,
        forEach((item) => void got.push(item)),
      ),
    ).rejects.toThrow('boom');
    expect(got).toEqual([1, 2, 3]);
  });

  it('closing cancels a stream that is silent, and unlocks it', async () => {
    let reason: unknown = 'not cancelled';
    const readable = new ReadableStream<number>({
      cancel: (given) => {
        reason = given;
      },
    });
    const stream = fromReadableStream(readable);
    const next = stream.next();
    await settle();
    await stream.return();
    expect(await next).toEqual(done);
    expect([reason, readable.locked]).toEqual([undefined, false]);
  });

  it.each(['items', 'bytes'])(
    'reads a web stream of %s to its end that is closed with some in it, however slowly',
    async (kind) => {
      const start = (controller: ReadableStreamController<Uint8Array<ArrayBuffer>>): void => {
        for (const byte of [1, 2]) controller.enqueue(new Uint8Array([byte]));
        controller.close();
      };
      const readable = kind === 'bytes' ? new ReadableStream({ type: 'bytes', start }) : new ReadableStream({ start });
      const got: unknown[] = [];
      for await (const bytes of fromReadableStream(readable)) {
        got.push(bytes);
        await settle();
      }
      expect(got).toEqual([new Uint8Array([1]), new Uint8Array([2])]);
      expect(readable.locked).toBe(false);
    },
  );

  it('gives the error of a web stream that fails while nobody reads', async () => {
    let fail = (_error: Error): void => {};
    const readable = new ReadableStream<number>({
      start(controller) {
        controller.enqueue(1);
        fail = (error) => controller.error(error);
      },
    });
    const stream = fromReadableStream(readable);
    expect(await stream.next()).toEqual({ done: false, value: 1 });
    fail(new Error('boom'));
    await settle();
    await expect(stream.next()).rejects.toThrow('boom');
    expect(readable.locked).toBe(false);
  });

  it.each(['end', 'error'])(
    'lets go of a web stream at its %s, so that it can be cancelled by whoever cleans up',
    async (how) => {
      const readable = toReadableStream(how === 'end' ? [1] : new ProbeSource([1]).fail(new Error('boom')));
      await collect(map((item: number) => item)(readable)).catch(() => {});
      expect(readable.locked).toBe(false);
      await readable.cancel().catch((error) => expect(error.message).toBe('boom'));
    },
  );
});

describe('node streams', () => {
  it('there and back gives the same', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer()), async (items) => {
        expect(await collect(fromNodeReadable<number>(toNodeReadable(items)))).toEqual(items);
      }),
      { numRuns: 30 },
    );
  });

  it('destroy() closes the source by return(), not by throw()', async () => {
    const source = new ProbeSource([1, 2, 3]);
    const readable = toNodeReadable(source);
    for await (const _ of readable) break;
    expect([readable.destroyed, source.returns]).toEqual([true, 1]);
  });

  it('delivers what came before an error, both ways', async () => {
    const source = pushable<number>();
    source.pushMany([1, 2, 3]);
    source.fail(new Error('boom'));
    const got: number[] = [];
    await expect(
      (async () => {
        for await (const item of toNodeReadable(source)) got.push(item);
      })(),
    ).rejects.toThrow('boom');
    expect(got).toEqual([1, 2, 3]);

    const failing = Readable.from(
      (async function* () {
        yield 'a';
        throw new Error('boom');
      })(),
    );
    const stream = fromNodeReadable<string>(failing);
    expect((await stream.next()).value).toBe('a');
    await expect(stream.next()).rejects.toThrow('boom');
  });

  it('closing destroys a silent stream at once', async () => {
    const readable = new Readable({ objectMode: true, read() {} });
    const stream = fromNodeReadable<number>(readable);
    const next = stream.next();
    await settle();
    await stream.return();
    expect(await next).toEqual(done);
    expect(readable.destroyed).toBe(true);
    expect(readable.listenerCount('readable')).toBe(0);
  });

  it('a stream that is destroyed before its end is an error', async () => {
    const readable = new Readable({ objectMode: true, read() {} });
    const stream = fromNodeReadable<number>(readable);
    const next = stream.next();
    readable.destroy();
    await expect(next).rejects.toThrow('before it ended');
  });

  it('reads no more than is asked', async () => {
    const source = new ProbeSource([1, 2, 3, 4, 5]);
    const readable = toNodeReadable(source);
    const got = await pipe(fromNodeReadable<number>(readable), take(2), collect);
    expect(got).toEqual([1, 2]);
    expect(source.nexts).toBeLessThanOrEqual(4);
    expect(source.returns).toBe(1);
  });
});
