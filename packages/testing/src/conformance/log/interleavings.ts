/**
 * "No gap, no repeat" under any interleaving: a producer that batches and repeats appends, and readers that come late,
 * leave and come back, with fast-check choosing who moves next.
 */
import type { LogEntry } from '@chatkit/core';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endOf, entries, entryOf, freshRun, type LogKit, offsetsOf } from './kit.ts';

/** A reader: how many moves it waits first, where it starts, and after how many entries each of its visits ends. */
interface ReaderPlan {
  readonly delay: number;
  readonly after: number;
  readonly visits: readonly number[];
}

const aReader = (length: number): fc.Arbitrary<ReaderPlan> =>
  fc.record({
    delay: fc.nat({ max: 12 }),
    after: fc.nat({ max: length }),
    visits: fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 4 }),
  });

const aRun = fc.integer({ min: 0, max: 24 }).chain((length) =>
  fc.record({
    length: fc.constant(length),
    /** Sizes of the batches; each may be sent again from `repeat` entries before. */
    batches: fc.array(fc.record({ size: fc.integer({ min: 1, max: 5 }), repeat: fc.nat({ max: 4 }) }), {
      minLength: 1,
      maxLength: 8,
    }),
    readers: fc.array(aReader(length), { minLength: 1, maxLength: 5 }),
  }),
);

/** Readers of which all but one stop reading and stay; they have taken something, or only waited for the next entry. */
const aStall = fc.integer({ min: 1, max: 60 }).chain((length) =>
  fc.record({
    length: fc.constant(length),
    delay: fc.nat({ max: 60 }),
    stalled: fc.array(
      fc.record({
        delay: fc.nat({ max: 60 }),
        after: fc.nat({ max: length }),
        takes: fc.integer({ min: 1, max: 6 }),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  }),
);

/** More than a log holds back for a reader that has stopped. */
const long = 'x'.repeat(4_000);

export const describeInterleavings = ({ log, runs }: LogKit): void => {
  describe('interleavings', () => {
    it('leaves no gap and repeats nothing, whoever moves next', async () => {
      await fc.assert(
        fc.asyncProperty(aRun, fc.scheduler(), async ({ length, batches, readers }, scheduler) => {
          const run = freshRun();
          const all: LogEntry[] = [...entries(1, length), endOf(length + 1)];
          await log().create(run);
          const move = (who: string) => scheduler.schedule(Promise.resolve(), who);

          const produce = async () => {
            for (let done = 0, turn = 0; done < all.length; turn += 1) {
              const { size, repeat } = batches[turn % batches.length] as (typeof batches)[number];
              await move('producer');
              await log().append(run, all.slice(Math.max(0, done - repeat), done + size));
              done += size;
            }
          };
          const read = async ({ delay, after, visits }: ReaderPlan, index: number) => {
            const seen: string[] = [];
            let last = after === 0 ? undefined : `1-${after}`;
            for (let wait = 0; wait < delay; wait += 1) await move(`reader ${index}`);
            const visit = async (most: number) => {
              let taken = 0;
              for await (const entry of log().read(run, { after: last })) {
                seen.push(entry.offset);
                last = entry.offset;
                taken += 1;
                if ('end' in entry || taken === most) return 'end' in entry;
                await move(`reader ${index}`);
              }
              return true;
            };
            for (const most of visits) if (await visit(most)) return seen;
            await visit(Number.POSITIVE_INFINITY);
            return seen;
          };

          const [, ...seen] = await scheduler.waitFor(Promise.all([produce(), ...readers.map(read)]));
          for (const [index, reader] of readers.entries())
            expect(seen[index]).toEqual(offsetsOf(all.slice(reader.after)));
          await log().delete(run);
        }),
        { numRuns: runs },
      );
    });

    it('gives a reader everything while others have stopped reading, and these the rest when they go on', async () => {
      await fc.assert(
        fc.asyncProperty(aStall, fc.scheduler(), async ({ length, delay, stalled }, scheduler) => {
          const run = freshRun();
          const all = Array.from({ length }, (_, at) => entryOf(at + 1, { text: long })).concat([endOf(length + 1)]);
          await log().create(run);
          const move = (who: string) => scheduler.schedule(Promise.resolve(), who);
          const pause = async (times: number, who: string) => {
            for (let wait = 0; wait < times; wait += 1) await move(who);
          };
          const produce = async () => {
            for (const entry of all) {
              await move('producer');
              await log().append(run, [entry]);
            }
          };
          const read = async () => {
            await pause(delay, 'reader');
            const seen: string[] = [];
            for await (const { offset } of log().read(run)) {
              seen.push(offset);
              await move('reader');
            }
            return seen;
          };
          const over = Promise.all([produce(), read()]);
          const readLater = async ({ delay, after, takes }: (typeof stalled)[number], index: number) => {
            await pause(delay, `stalled ${index}`);
            const reader = log()
              .read(run, after === 0 ? {} : { after: `1-${after}` })
              [Symbol.asyncIterator]();
            const seen: string[] = [];
            for (let next = reader.next(); ; next = reader.next()) {
              const { done, value } = await next;
              if (done === true) return seen;
              seen.push(value.offset);
              if (seen.length === takes) await over;
            }
          };
          const [[, seen], ...later] = await scheduler.waitFor(Promise.all([over, ...stalled.map(readLater)]));
          expect(seen).toEqual(offsetsOf(all));
          for (const [index, { after }] of stalled.entries()) expect(later[index]).toEqual(offsetsOf(all.slice(after)));
          await log().delete(run);
        }),
        { numRuns: Math.ceil(runs / 4) },
      );
    });
  });
};
