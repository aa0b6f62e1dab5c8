/** Two logs over one database, as two processes have them: whoever does what and when, a reader gets every entry once, in order, or is told why not. */
import {
  compareOffsets,
  createId,
  formatOffset,
  isChatKitError,
  type LogEntry,
  type StreamLog,
  textDelta,
} from '@chatkit/core';
import { collect } from '@chatkit/stream';
import * as fc from 'fast-check';
import { expect } from 'vitest';

/** `owner` appends some; `other` takes the run over; `zombie`: an owner of before appends what comes next to what it knows of. */
type Step =
  | { readonly do: 'owner' | 'zombie'; readonly count: number }
  | { readonly do: 'other' | 'delete' | 'wait' }
  | { readonly do: 'read'; readonly side: number; readonly back: number };

const aStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('owner' as const), count: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('zombie' as const), count: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('other' as const, 'wait' as const, 'wait' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('read' as const), side: fc.nat({ max: 1 }), back: fc.nat({ max: 6 }) }),
  },
);

const entryAt = (epoch: number, seq: number): LogEntry => ({
  offset: formatOffset(epoch, seq),
  event: seq % 4 === 0 ? { type: 'progress_update', text: `${epoch}-${seq}` } : textDelta('a', `${epoch}-${seq}`),
});
const codeOf = (error: unknown): string => (isChatKitError(error) ? error.code : String(error));

/** Tries `numRuns` random histories of a run on the two. */
export const checkLogLaw = async (logs: readonly [StreamLog, StreamLog], numRuns: number): Promise<void> => {
  const logOf = (side: number) => logs[side] as StreamLog;
  await fc.assert(
    fc.asyncProperty(fc.array(aStep, { maxLength: 25 }), fc.boolean(), async (steps, isDeleted) => {
      const run = createId('run');
      await logOf(0).create(run);
      await logOf(1).create(run);
      let owner = { side: 0, epoch: 1, seq: 0 };
      const zombies: (typeof owner)[] = [];
      /** What the owners have appended, of which a later owner may not have all. */
      const appended: LogEntry[] = [];
      const readers: { side: number; after: string | undefined; seen: LogEntry[]; end: Promise<string> }[] = [];

      const append = async (as: typeof owner, count: number): Promise<void> => {
        const entries = Array.from({ length: count }, (_, at) => entryAt(as.epoch, as.seq + at + 1));
        as.seq += count;
        appended.push(...entries);
        await logOf(as.side).append(run, entries);
      };
      const startReading = (side: number, after: string | undefined): void => {
        const seen: LogEntry[] = [];
        const reading = (async () => {
          for await (const entry of logOf(side).read(run, { after })) seen.push(entry);
          return 'end';
        })();
        readers.push({ side, after, seen, end: reading.catch(codeOf) });
      };

      for (const step of steps) {
        if (step.do === 'owner') await append(owner, step.count);
        else if (step.do === 'read') startReading(step.side, appended[appended.length - 1 - step.back]?.offset);
        else if (step.do === 'wait') await new Promise((done) => setTimeout(done, 4));
        else if (step.do === 'other') {
          zombies.push(owner);
          owner = { side: 1 - owner.side, epoch: owner.epoch + 1, seq: 0 };
          await append(owner, 1);
        } else if (step.do === 'zombie') {
          const zombie = zombies.at(-1);
          if (zombie !== undefined)
            await append(zombie, step.count).catch((error) => {
              expect(codeOf(error)).toBe('run.interrupted');
            });
        }
      }
      startReading(0, undefined);
      startReading(1, undefined);
      if (isDeleted) {
        await logOf(owner.side).delete(run);
        for (const { end } of readers) expect(['log.expired', 'run.not_found']).toContain(await end);
        return;
      }
      const last: LogEntry = { offset: formatOffset(owner.epoch, owner.seq + 1), end: 'completed' };
      await logOf(owner.side).append(run, [last]);
      // The other one has made the run, and may still show what it could not write behind a takeover.
      const kept = await collect(logOf(1).read(run));
      expect(kept.at(-1)).toEqual(last);
      // All of what the last owner said, and of those before it at least the beginning, without a gap.
      for (let epoch = 1; epoch <= owner.epoch; epoch += 1) {
        const of = kept.filter(({ offset }) => offset.startsWith(`${epoch}-`));
        expect(of.map(({ offset }) => offset)).toEqual(of.map((_, at) => formatOffset(epoch, at + 1)));
      }
      for (const { after, seen, end, side } of readers) {
        expect(await end).toBe('end');
        const said = [...appended, last];
        for (const [at, entry] of seen.entries()) {
          expect(said).toContainEqual(entry);
          if (at > 0) expect(compareOffsets((seen[at - 1] as LogEntry).offset, entry.offset)).toBeLessThan(0);
        }
        const rest = kept.filter(({ offset }) => after === undefined || compareOffsets(offset, after) > 0);
        // Beside an owner that was taken over one may have seen what nobody has written.
        const known = new Set(kept.map(({ offset }) => offset));
        const more = seen.filter(({ offset }) => !known.has(offset));
        expect(seen.filter(({ offset }) => known.has(offset))).toEqual(rest);
        if (side === 1) expect(more).toEqual([]);
      }
    }),
    { numRuns },
  );
};
