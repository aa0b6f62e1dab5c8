/**
 * A waiting run as other machines see it: it can be found and stopped, and is remembered if it ended while it waited.
 */
import { describe, expect, it } from 'vitest';
import { eventually, freshClaim, granted, type LeaseKit, outlast } from './kit.ts';

const [nameA, nameB] = ['machine-a', 'machine-b'];

export const describeWaiting = (kit: LeaseKit): void => {
  const { patient, hasty } = kit;
  describe('a run that waits', () => {
    it('is found by every machine, in epoch 0, until it is granted', async () => {
      const [a, b] = patient();
      const first = await granted(a, freshClaim());
      const asked = { ...freshClaim(first.threadId), userId: 'ada' };
      const queued = { ...freshClaim(first.threadId), resumable: false, userId: '' };
      await a.acquire(asked, nameA);
      await a.queue(queued, nameA);
      for (const machine of [a, b]) {
        expect(await machine.find(asked.runId)).toEqual({ ...asked, epoch: 0 });
        expect(await machine.find(queued.runId)).toEqual({ ...queued, epoch: 0 });
        expect(await machine.activeIn(first.threadId)).toEqual(first);
      }
      await a.release(first, 'completed');
      expect(await b.activeIn(first.threadId)).toBeUndefined();
      expect(await a.acquire(asked, nameA)).toEqual({ granted: { ...asked, epoch: 1 }, overtaken: true });
      expect(await b.find(asked.runId)).toEqual({ ...asked, epoch: 1 });
      expect(await b.find(queued.runId)).toEqual({ ...queued, epoch: 0 });
    });

    it('is not found when it only asked, nor when it has left', async () => {
      const [a, b] = patient();
      const first = await granted(a, freshClaim());
      const [asked, left] = [freshClaim(first.threadId), freshClaim(first.threadId)];
      await a.acquire(asked);
      expect(await b.find(asked.runId)).toBeUndefined();
      await a.queue(left, nameA);
      await b.leave(left, nameB, 'cancelled');
      expect(await b.find(left.runId)).toEqual({ ...left, epoch: 0 });
      await a.leave(left, nameA);
      expect(await b.find(left.runId)).toBeUndefined();
    });

    it('is not found when its machine is not heard of any more', async () => {
      const [a, b] = hasty();
      const first = await granted(a, freshClaim());
      const [dead, alive] = [freshClaim(first.threadId), freshClaim(first.threadId)];
      await b.queue(dead, nameB);
      await a.queue(alive, nameA);
      await outlast(a, kit, () => a.renew(first, nameA));
      expect(await a.find(dead.runId)).toBeUndefined();
      await a.requestStop(dead.runId, 'cancel');
      expect(await b.find(alive.runId)).toEqual({ ...alive, epoch: 0 });
    });

    it('is remembered with its outcome when it ended there, and never granted', async () => {
      const [a, b] = patient();
      const first = await granted(a, freshClaim());
      const claim = { ...freshClaim(first.threadId), userId: 'ada' };
      await a.queue(claim, nameA);
      await a.leave(claim, nameA, 'cancelled');
      const record = { ...claim, epoch: 0, outcome: 'cancelled' };
      expect(await b.find(claim.runId)).toEqual(record);
      // The other machine that was sent the run does not begin it.
      expect(await b.acquire(claim, nameB)).toEqual({ heldBy: record });
      await a.release(first, 'completed');
      expect(await b.acquire(claim)).toEqual({ heldBy: record });
      await granted(b, freshClaim(first.threadId));
    });

    it('keeps the record of one that has begun elsewhere, whoever leaves', async () => {
      const [a, b] = patient();
      const twice = await granted(a, freshClaim());
      await b.queue(twice, nameB);
      expect(await b.find(twice.runId)).toEqual(twice);
      await b.leave(twice, nameB, 'cancelled');
      expect(await b.find(twice.runId)).toEqual(twice);
      expect(await a.renew(twice)).toEqual({ held: true });
      await a.release(twice);
      expect(await b.find(twice.runId)).toBeUndefined();
    });

    it('is stopped from any machine: its own hears of it, and its first renewal says so', async () => {
      const [a, b] = patient();
      const first = await granted(a, freshClaim());
      const claim = freshClaim(first.threadId);
      const heard: string[][] = [];
      const end = a.onStop((runId, cause) => heard.push([runId, cause]));
      await a.queue(claim, nameA);
      // The first stop may be sent before the machine has begun to listen.
      await eventually(async () => {
        await b.requestStop(claim.runId, 'cancel');
        return heard.some(([runId, cause]) => runId === claim.runId && cause === 'cancel');
      });
      end();
      await b.requestStop(claim.runId, 'superseded');
      await a.release(first, 'completed');
      const run = await a.acquire(claim, nameA);
      expect(run).toEqual({ granted: { ...claim, epoch: 1 } });
      expect(await a.renew({ ...claim, epoch: 1 }, nameA)).toEqual({ held: true, stop: 'cancel' });
    });
  });
};
