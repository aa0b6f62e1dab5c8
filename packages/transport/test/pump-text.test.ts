// The pump against a connection whose every answer is drawn: what arrives, and how much is ever on the way.

import { from } from '@chatkit/stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pumpText, type TextSink } from '../src/pump-text.ts';
import { deferred, still, turns } from './support/turns.ts';

const KiB = 1024;

/** Frames of the sizes given, and how much of them has been made. */
const maker = (sizes: readonly number[], pauses: readonly boolean[] = []) => {
  const made = { length: 0 };
  return {
    made,
    body: (async function* () {
      for (const [index, size] of sizes.entries()) {
        made.length += size;
        yield String.fromCharCode(97 + (index % 26)).repeat(size);
        if (pauses[index % pauses.length]) await turns(1);
      }
    })(),
  };
};

/** Resolves when the sink has been told of the end. */
const pumped = (body: AsyncIterable<string>, sink: Omit<TextSink, 'end'>): Promise<void> =>
  new Promise((resolve, reject) =>
    pumpText(body, {
      write: (text) => sink.write(text),
      get isOver() {
        return sink.isOver;
      },
      end: (failure) => (failure === undefined ? resolve() : reject(failure.error)),
    }),
  );

const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 400, max: 50 * KiB })), {
  minLength: 1,
  maxLength: 60,
});

describe('pumpText', () => {
  it('moves everything in order, and has no more than 64 KiB and a frame on the way', async () => {
    await fc.assert(
      fc.asyncProperty(
        sizes,
        fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }),
        fc.array(fc.nat(3), { minLength: 1, maxLength: 8 }),
        async (drawn, pauses, waits) => {
          const { made, body } = maker(drawn, pauses);
          const largest = Math.max(...drawn);
          let taken = 0;
          let most = 0;
          let text = '';
          let count = 0;
          const sink: Omit<TextSink, 'end'> = {
            isOver: false,
            write(batch) {
              text += batch;
              const wait = waits[count++ % waits.length] as number;
              if (wait === 0) taken = text.length;
              most = Math.max(most, made.length - taken);
              if (wait === 0) return undefined;
              return turns(wait * 3).then(() => {
                most = Math.max(most, made.length - taken);
                taken = text.length;
              });
            },
          };
          await pumped(body, sink);
          expect(text).toBe(drawn.map((size, index) => String.fromCharCode(97 + (index % 26)).repeat(size)).join(''));
          expect(most).toBeLessThanOrEqual(Math.max(64 * KiB, largest) + largest);
        },
      ),
      { numRuns: 60 },
    );
  });

  it.each([100, 4000, 20 * KiB, 31 * KiB, 40 * KiB, 200 * KiB])(
    'a connection that takes nothing more has 64 KiB made for it and one frame (frames of %i)',
    async (size) => {
      const stuck = deferred();
      const { made, body } = maker(Array.from({ length: 5000 }, () => size));
      let over = false;
      let taken = 0;
      let writes = 0;
      const sink: Omit<TextSink, 'end'> = {
        write(text) {
          // Taken at first, until the allowance of a turn is full.
          if (++writes > 20) return stuck.promise;
          taken += text.length;
          return undefined;
        },
        get isOver() {
          return over;
        },
      };
      const moved = pumped(body, sink);
      await still(() => made.length);
      expect(made.length - taken).toBeLessThanOrEqual(Math.max(64 * KiB, size) + size);
      over = true;
      stuck.resolve();
      await body.return(undefined);
      await moved;
    },
  );

  it('sends what came while a write was pending, though nothing more comes', async () => {
    const taken = deferred();
    const written: string[] = [];
    async function* body() {
      yield 'a';
      await turns(1);
      yield 'b';
      await new Promise(() => {});
    }
    const sink = { isOver: false, write: (text: string) => (written.push(text) === 1 ? taken.promise : undefined) };
    void pumped(body(), sink);
    await turns(5);
    expect(written).toEqual(['a']);
    taken.resolve();
    await turns(2);
    expect(written).toEqual(['a', 'b']);
  });

  it('tells of the failure of a write, once the body has been closed', async () => {
    let returned = false;
    const body = (async function* () {
      try {
        for (;;) {
          yield 'x'.repeat(10 * KiB);
          await turns(1);
        }
      } finally {
        await turns(1);
        returned = true;
      }
    })();
    const lost = new Error('lost');
    const moved = pumped(body, { isOver: false, write: () => Promise.reject(lost) });
    await expect(moved).rejects.toBe(lost);
    expect(returned).toBe(true);
  });

  it('tells of a body that somebody else reads', async () => {
    const body = from(maker([1]).body);
    await body.next();
    const other = body.next();
    await expect(pumped(body, { isOver: false, write: () => undefined })).rejects.toThrow('already has a reader');
    await other;
  });
});
