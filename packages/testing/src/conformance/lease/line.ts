/**
 * The line of a thread: waiting runs of all machines get the thread in the order of their places, and nobody waits for
 * a machine that is gone.
 */
import type { RunClaim, RunLease, RunRecord } from '@chatkit/core';
import { createId } from '@chatkit/core';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { eventually, freshClaim, granted, type LeaseKit, outlast } from './kit.ts';

const names = ['machine-a', 'machine-b'] as const;
const [nameA, nameB] = names;

/** Acquires a thread for a run whose turn has come. */
const letIn = async (lease: RunLease, claim: RunClaim, waiter: string): Promise<RunRecord> => {
  const answer = await lease.acquire(claim, waiter);
  if ('granted' in answer) return answer.granted;
  throw new Error(answer.heldBy === undefined ? 'It is another’s turn.' : `Held by ${answer.heldBy.runId}.`);
};

export const describeLine = (kit: LeaseKit): void => {
  const { patient, hasty, runs } = kit;

  describe('the line of a thread', () => {
    it('lets in by place, whichever machine asks first', async () => {
      const [a, b] = patient();
      const first = await granted(a, freshClaim());
      const [second, third, fourth] = [
        freshClaim(first.threadId),
        freshClaim(first.threadId),
        freshClaim(first.threadId),
      ];
      expect(await b.acquire(second, nameB)).toEqual({ heldBy: first });
      await a.queue(third, nameA);
      expect(await b.acquire(fourth, nameB)).toEqual({ heldBy: first });
      await a.release(first, 'completed');
      expect(await a.acquire(third, nameA)).toEqual({ heldBy: undefined });
      const run2 = await letIn(b, second, nameB);
      await b.release(run2, 'completed');
      expect(await b.acquire(fourth, nameB)).toEqual({ heldBy: undefined });
      const run3 = await letIn(a, third, nameA);
      expect(await b.acquire(fourth, nameB)).toEqual({ heldBy: run3 });
      await a.release(run3, 'completed');
      await letIn(b, fourth, nameB);
    });

    it('keeps the place of one that asks again', async () => {
      const [a, b] = patient();
      const first = await granted(a, freshClaim());
      const [second, third] = [freshClaim(first.threadId), freshClaim(first.threadId)];
      for (const claim of [second, third, second, second]) await b.acquire(claim, claim === second ? nameA : nameB);
      await b.queue(second, nameA);
      await a.release(first, 'completed');
      await b.release(await letIn(b, second, nameA), 'completed');
      await letIn(a, third, nameB);
    });

    it('gives a turn of a machine to the run that it sends', async () => {
      const [a, b] = patient();
      const first = await granted(a, freshClaim());
      const [a1, b1, a2, a3] = Array.from({ length: 4 }, () => freshClaim(first.threadId)) as [
        RunClaim,
        RunClaim,
        RunClaim,
        RunClaim,
      ];
      await a.queue(a1, nameA);
      await b.queue(b1, nameB);
      await a.queue(a2, nameA);
      await a.release(first, 'completed');
      await a.release(await letIn(a, a2, nameA), 'completed');
      expect(await a.acquire(a1, nameA)).toEqual({ heldBy: undefined });
      await b.release(await letIn(b, b1, nameB), 'completed');
      // A run without a place of its own is admitted too; the run whose place was used then moves to the end.
      await a.release(await letIn(a, a3, nameA), 'completed');
      await letIn(a, a1, nameA);
    });

    it('is not overtaken by one that does not stand in it', async () => {
      const [a, b] = patient();
      const first = await granted(a, freshClaim());
      const [waiting, other] = [freshClaim(first.threadId), freshClaim(first.threadId)];
      await b.queue(waiting, nameB);
      expect(await a.acquire(other)).toEqual({ heldBy: first });
      await a.release(first, 'completed');
      expect(await a.acquire(other)).toEqual({ heldBy: undefined });
      await b.release(await letIn(b, waiting, nameB), 'completed');
      // The granted run has left no place behind.
      await granted(b, freshClaim(first.threadId));
    });

    it('goes on behind one that leaves', async () => {
      const [a, b] = patient();
      const first = await granted(a, freshClaim());
      const [second, third] = [freshClaim(first.threadId), freshClaim(first.threadId)];
      await a.leave(second, nameA);
      await a.queue(second, nameA);
      await b.queue(third, nameB);
      await a.release(first, 'completed');
      expect(await b.acquire(third, nameB)).toEqual({ heldBy: undefined });
      await a.leave(second, nameA);
      await letIn(b, third, nameB);
    });

    it('keeps one place for a run that was sent to two machines', async () => {
      const [a, b] = patient();
      const first = await granted(a, freshClaim());
      const [twice, other] = [freshClaim(first.threadId), freshClaim(first.threadId)];
      await a.queue(twice, nameA);
      await b.queue(twice, nameB);
      await b.leave(twice, nameB);
      expect(await b.acquire(twice, nameB)).toEqual({ heldBy: first });
      await a.release(first, 'completed');
      expect(await b.acquire(twice, nameB)).toEqual({ heldBy: undefined });
      const answer = await a.acquire(twice, nameA);
      expect(answer).toEqual({ granted: { ...twice, epoch: 1 } });
      expect(await b.acquire(twice, nameB)).toEqual({ heldBy: { ...twice, epoch: 1 } });
      await b.leave(twice, nameB);
      // Acquired by a machine that does not hold the run's place, on a turn of its own: the turn of the place's machine
      // is still to come.
      const next = { ...freshClaim(first.threadId), resumable: false };
      await b.queue(other, nameB);
      await a.queue(next, nameA);
      await a.release({ ...twice, epoch: 1 }, 'completed');
      expect(await b.acquire(next, nameB)).toEqual({ granted: { ...next, epoch: 1 }, overtaken: true });
      await b.release({ ...next, epoch: 1 }, 'completed');
      await b.release(await letIn(b, other, nameB), 'completed');
      await granted(a, freshClaim(first.threadId));
    });

    it('tells one that comes in whether others stand behind it', async () => {
      const [a, b] = patient();
      const first = await granted(a, freshClaim());
      const [second, third] = [freshClaim(first.threadId), freshClaim(first.threadId)];
      await a.queue(second, nameA);
      await b.queue(third, nameB);
      await a.release(first, 'completed');
      expect(await a.acquire(second, nameA)).toEqual({ granted: { ...second, epoch: 1 }, overtaken: true });
      await a.release({ ...second, epoch: 1 }, 'completed');
      expect(await b.acquire(third, nameB)).toEqual({ granted: { ...third, epoch: 1 } });
    });

    it('hears of the thread when it is free', async () => {
      const machines = patient();
      const [a, b] = machines;
      const heard: string[][] = [[], []];
      const ends = machines.map((machine, n) => machine.onFree((threadId) => heard[n]?.push(threadId)));
      // The first signal may be sent before the machine has begun to listen.
      await eventually(async () => {
        const run = await granted(a, freshClaim());
        const waiting = freshClaim(run.threadId);
        await b.queue(waiting, nameB);
        await a.release(run, 'completed');
        await b.leave(waiting, nameB);
        return heard.every((threads) => threads.length > 0);
      });
      const run = await granted(a, freshClaim());
      const [second, third] = [freshClaim(run.threadId), freshClaim(run.threadId)];
      const times = (n: number) => heard[n]?.filter((threadId) => threadId === run.threadId).length ?? 0;
      await a.queue(second, nameA);
      await b.queue(third, nameB);
      expect(times(1)).toBe(0);
      await a.release(run, 'completed');
      await eventually(() => times(0) >= 1 && times(1) >= 1);
      // Also when the run whose turn it is leaves.
      await a.leave(second, nameA);
      await eventually(() => times(1) >= 2);
      for (const end of ends) end();
      const before = times(1);
      let isHeard = false;
      const end = b.onFree((threadId) => {
        isHeard ||= threadId === run.threadId;
      });
      const fourth = freshClaim(run.threadId);
      await b.queue(fourth, nameB);
      await b.leave(third, nameB);
      await eventually(() => isHeard);
      end();
      expect(times(1)).toBe(before);
      await b.leave(fourth, nameB);
    });

    it('drops the places of a machine that is not heard of any more', async () => {
      const [a, b] = hasty();
      const first = await granted(a, freshClaim());
      const [dead, alive] = [freshClaim(first.threadId), freshClaim(first.threadId)];
      await b.queue(dead, nameB);
      await a.queue(alive, nameA);
      await outlast(a, kit, async () => expect(await a.renew(first, nameA)).toMatchObject({ held: true }));
      await a.release(first, 'completed');
      expect(await b.acquire(freshClaim(first.threadId))).toEqual({ heldBy: undefined });
      await a.release(await letIn(a, alive, nameA), 'completed');
      // It comes back and takes a place at the end.
      await a.release(await letIn(b, dead, nameB), 'completed');
    });

    it('keeps the places of a machine that asks for one of them', async () => {
      const [a, b] = hasty();
      const first = await granted(a, freshClaim());
      const [b1, b2, a1] = [freshClaim(first.threadId), freshClaim(first.threadId), freshClaim(first.threadId)];
      await b.queue(b1, nameB);
      await b.queue(b2, nameB);
      await a.queue(a1, nameA);
      await outlast(a, kit, async () => {
        await a.renew(first, nameA);
        expect(await b.acquire(b1, nameB)).toEqual({ heldBy: first });
      });
      await a.release(first, 'completed');
      for (const claim of [b1, b2]) {
        expect(await a.acquire(a1, nameA)).toEqual({ heldBy: undefined });
        await b.release(await letIn(b, claim, nameB), 'completed');
      }
      await a.release(await letIn(a, a1, nameA), 'completed');
    });

    it('does what the model does, whoever moves next', async () => {
      const aStep = fc.record({
        what: fc.constantFrom('acquire', 'acquire', 'queue', 'leave', 'release' as const),
        machine: fc.constantFrom(0, 1),
        run: fc.nat({ max: 5 }),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(aStep, { maxLength: 40 }), async (steps) => {
          const threadId = createId('thread');
          let line: { machine: number; run: number }[] = [];
          let holder: RunRecord | undefined;
          const ended = new Set<string>();
          for (const { what, machine, run } of steps) {
            const lease = patient()[machine as 0 | 1];
            const waiter = names[machine] as string;
            // A run belongs to one machine, as it does when it is not sent twice.
            const runId = `${threadId}-${machine}-${run}`;
            const claim = { runId, threadId, resumable: true };
            const at = line.findIndex((place) => place.machine === machine && place.run === run);
            if (what === 'release') {
              if (holder === undefined) continue;
              await lease.release(holder, 'completed');
              ended.add(holder.runId);
              holder = undefined;
            } else if (what === 'leave') {
              await lease.leave(claim, waiter);
              if (at !== -1) line.splice(at, 1);
            } else if (ended.has(runId) || holder?.runId === runId) {
              // A run that has been granted does not wait.
            } else if (what === 'queue') {
              await lease.queue(claim, waiter);
              if (at === -1) line.push({ machine, run });
            } else {
              const answer = await lease.acquire(claim, waiter);
              if (holder !== undefined || (line[0] !== undefined && line[0].machine !== machine)) {
                expect(answer).toEqual({ heldBy: holder });
                if (at === -1) line.push({ machine, run });
              } else {
                const [head] = line;
                if (head !== undefined && at === -1) line = [...line.slice(1), head];
                else if (head !== undefined) line = line.map((place, n) => (n === at ? head : place)).slice(1);
                holder = { ...claim, epoch: 1 };
                expect(answer).toEqual({ granted: holder, ...(line.length > 0 ? { overtaken: true } : {}) });
              }
            }
            const found = await patient()[machine === 0 ? 1 : 0].find(runId);
            const waits = line.some((place) => place.machine === machine && place.run === run);
            if (holder?.runId === runId) expect(found).toEqual(holder);
            else if (ended.has(runId)) expect(found).toEqual({ ...claim, epoch: 1, outcome: 'completed' });
            else expect(found).toEqual(waits ? { ...claim, epoch: 0 } : undefined);
          }
        }),
        { numRuns: runs },
      );
    });
  });
};
