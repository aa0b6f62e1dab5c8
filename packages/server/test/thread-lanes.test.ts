// Who has a thread within a process, and who waits for it.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createThreadLanes, type Occupant } from '../src/thread-lanes.ts';

const what = fc.constantFrom('enter', 'leave', 'give up');

test('one has the thread at a time, in the order in which they came, whoever leaves or gives up, and even twice', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(what, fc.nat(3)), { maxLength: 20 }), async (steps) => {
      const lanes = createThreadLanes<Occupant>();
      const occupants = [0, 1, 2, 3].map((): Occupant => ({ stop() {} }));
      /** The holder, and those behind it. */
      let line: number[] = [];
      const waiting = new Set<number>();
      for (const [step, who] of steps) {
        const occupant = occupants[who] as Occupant;
        if (step === 'enter' && !line.includes(who)) {
          const turn = lanes.enter('t', occupant, 'queue');
          line.push(who);
          expect(turn === undefined).toBe(line.length === 1);
          if (turn !== undefined) waiting.add(who);
          void turn?.then(() => waiting.delete(who));
        } else if (step === 'leave') {
          lanes.leave('t', occupant);
          line = line.filter((each) => each !== who);
        } else if (step === 'give up') {
          lanes.giveUp('t', occupant);
          line = line.filter((each, at) => each !== who || at === 0);
        }
        await Promise.resolve();
        expect(lanes.holder('t')).toBe(occupants[line[0] ?? -1]);
        expect([...waiting].sort()).toEqual(line.slice(1).sort());
      }
    }),
  );
});
