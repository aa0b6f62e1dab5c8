/**
 * Expiry: a lease lasts as long as it is renewed. After that one caller of `reap()` gets the run, and the old owner can
 * do nothing with it.
 */
import { describe, expect, it } from 'vitest';
import { freshClaim, granted, type LeaseKit, reapedOf } from './kit.ts';

export const describeExpiry = ({ patient, hasty, passTime }: LeaseKit): void => {
  const outlive = (part: number) => passTime(Math.ceil(hasty()[0].ttlMs * part));

  describe('expiry', () => {
    it('does not give a run away whose lease is held', async () => {
      const [a, b] = patient();
      const run = await granted(a, freshClaim());
      for (const machine of [a, b]) expect(await reapedOf(machine, run.runId)).toEqual([]);
      expect(await a.renew(run)).toMatchObject({ held: true });
    });

    it('keeps a lease that is renewed', async () => {
      const [a, b] = hasty();
      const run = await granted(a, freshClaim());
      for (let third = 0; third < 6; third += 1) {
        await outlive(1 / 3);
        expect(await a.renew(run)).toMatchObject({ held: true });
        expect(await reapedOf(b, run.runId)).toEqual([]);
      }
      await a.release(run, 'completed');
    });

    it('gives a run away once, under the next epoch, when its owner has not renewed', async () => {
      const machines = hasty();
      const runs = [
        await granted(machines[0], { ...freshClaim(), userId: 'ada' }),
        await granted(machines[1], freshClaim()),
      ];
      await outlive(1.5);
      const ids = runs.map(({ runId }) => runId);
      const both = await Promise.all([...machines, ...machines].map((machine) => reapedOf(machine, ...ids)));
      const reaped = both.flat();
      expect(reaped).toHaveLength(2);
      for (const run of runs) expect(reaped).toContainEqual({ ...run, epoch: 2 });
      for (const run of reaped) await machines[0].release(run, 'interrupted');
    });

    it('keeps the thread taken until the one who reaped it lets go', async () => {
      const [a, b] = hasty();
      const run = await granted(a, freshClaim());
      await outlive(1.5);
      expect(await a.acquire(freshClaim(run.threadId))).toMatchObject({ heldBy: { runId: run.runId } });
      const [reaped] = await reapedOf(b, run.runId);
      if (reaped === undefined) throw new Error('Nothing was reaped.');
      expect(await a.find(run.runId)).toEqual(reaped);
      expect(await a.acquire(freshClaim(run.threadId))).toEqual({ heldBy: reaped });
      await b.release(reaped, 'interrupted');
      expect(await a.find(run.runId)).toEqual({ ...reaped, outcome: 'interrupted' });
      await granted(a, freshClaim(run.threadId));
    });

    it('answers a lease that has run out as lost, reaped or not', async () => {
      const [a, b] = hasty();
      const run = await granted(a, freshClaim());
      await outlive(1.5);
      expect(await a.renew(run)).toMatchObject({ held: false });
      const [reaped] = await reapedOf(b, run.runId);
      if (reaped === undefined) throw new Error('Nothing was reaped.');
      expect(await a.renew(run)).toMatchObject({ held: false });
      await a.release(run, 'completed');
      expect(await b.find(run.runId)).toEqual(reaped);
      expect(await b.activeIn(run.threadId)).toEqual(reaped);
      expect(await b.renew(reaped)).toMatchObject({ held: true });
      await b.release(reaped, 'interrupted');
    });

    it('gives the run on when the one who reaped it dies too', async () => {
      const [a, b] = hasty();
      const run = await granted(a, freshClaim());
      await outlive(1.5);
      expect(await reapedOf(b, run.runId)).toEqual([{ ...run, epoch: 2 }]);
      expect(await reapedOf(a, run.runId)).toEqual([]);
      await outlive(1.5);
      expect(await reapedOf(a, run.runId)).toEqual([{ ...run, epoch: 3 }]);
      await a.release({ ...run, epoch: 3 }, 'interrupted');
    });

    it('does not reap what has ended', async () => {
      const [a, b] = hasty();
      const run = await granted(a, freshClaim());
      await a.release(run, 'completed');
      await outlive(1.5);
      expect(await reapedOf(b, run.runId)).toEqual([]);
      expect(await b.find(run.runId)).toEqual({ ...run, outcome: 'completed' });
    });
  });
};
