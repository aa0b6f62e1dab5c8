/** Ownership: one run per thread, a record that every machine sees, a release that frees the thread. */
import type { RunRecord } from '@chatkit/core';
import { describe, expect, it } from 'vitest';
import { freshClaim, granted, type LeaseKit } from './kit.ts';

export const describeOwnership = ({ patient }: LeaseKit): void => {
  describe('ownership', () => {
    it('grants a free thread in epoch 1, and every machine knows the run', async () => {
      const [a, b] = patient();
      for (const resumable of [true, false]) {
        const claim = { ...freshClaim(), resumable };
        expect(await granted(a, claim)).toEqual({ ...claim, epoch: 1 });
        for (const machine of [a, b]) {
          expect(await machine.find(claim.runId)).toEqual({ ...claim, epoch: 1 });
          expect(await machine.activeIn(claim.threadId)).toEqual({ ...claim, epoch: 1 });
        }
      }
    });

    it('keeps whose run it is, whoever that is', async () => {
      const [a, b] = patient();
      for (const userId of ['ada', '', 'Zoë 👩‍🚀', '=']) {
        const run = await granted(a, { ...freshClaim(), userId });
        expect(run.userId).toBe(userId);
        expect(await b.find(run.runId)).toEqual(run);
        await a.release(run, 'completed');
        expect(await b.find(run.runId)).toEqual({ ...run, outcome: 'completed' });
      }
    });

    it('tells who has a thread that is taken, and changes nothing', async () => {
      const [a, b] = patient();
      const first = await granted(a, freshClaim());
      for (const machine of [a, b]) {
        const later = freshClaim(first.threadId);
        expect(await machine.acquire(later)).toEqual({ heldBy: first });
        expect(await machine.find(later.runId)).toBeUndefined();
      }
      expect(await b.acquire(first)).toEqual({ heldBy: first });
      expect(await a.renew(first)).toMatchObject({ held: true });
    });

    it('grants one of many that ask at the same time', async () => {
      const machines = patient();
      for (let round = 0; round < 20; round += 1) {
        const { threadId } = freshClaim();
        const claims = Array.from({ length: 10 }, () => freshClaim(threadId));
        const answers = await Promise.all(claims.map((claim, n) => machines[n % 2 === 0 ? 0 : 1].acquire(claim)));
        const winners = answers.filter((answer) => 'granted' in answer);
        expect(winners).toHaveLength(1);
        const winner = await machines[0].activeIn(threadId);
        for (const answer of answers) expect(Object.values(answer)).toEqual([winner]);
      }
    });

    it('frees the thread with the release and keeps the record with its outcome', async () => {
      const [a, b] = patient();
      for (const outcome of ['completed', 'cancelled', 'failed', 'interrupted'] as const) {
        const run = await granted(a, freshClaim());
        await a.release(run, outcome);
        for (const machine of [a, b]) {
          expect(await machine.find(run.runId)).toEqual({ ...run, outcome });
          expect(await machine.activeIn(run.threadId)).toBeUndefined();
        }
        expect(await a.renew(run)).toMatchObject({ held: false });
        const next = await granted(b, freshClaim(run.threadId));
        expect(await a.activeIn(run.threadId)).toEqual(next);
        expect(await a.find(run.runId)).toEqual({ ...run, outcome });
      }
    });

    it('grants a run once: who claims it again is told of it, in progress and after its end', async () => {
      const machines = patient();
      const claim = freshClaim();
      const claims = Array.from({ length: 10 }, (_, n) => ({
        ...claim,
        threadId: n < 5 ? claim.threadId : `other-${n}`,
      }));
      const answers = await Promise.all(claims.map((each, n) => machines[n % 2 === 0 ? 0 : 1].acquire(each)));
      expect(answers.filter((answer) => 'granted' in answer)).toHaveLength(1);
      const run = (await machines[0].find(claim.runId)) as RunRecord;
      for (const answer of answers) expect(Object.values(answer)).toEqual([run]);
      await machines[0].release(run, 'completed');
      const ended = { ...run, outcome: 'completed' };
      for (const machine of machines) expect(await machine.acquire(claim)).toEqual({ heldBy: ended });
      // Also while another run has the thread.
      await granted(machines[0], freshClaim(run.threadId));
      expect(await machines[1].acquire({ ...claim, threadId: run.threadId })).toEqual({ heldBy: ended });
    });

    it('forgets a run that never began', async () => {
      const [a, b] = patient();
      const claim = freshClaim();
      const run = await granted(a, claim);
      await b.release({ ...run, epoch: 2 });
      expect(await b.find(run.runId)).toEqual(run);
      await a.release(run);
      for (const machine of [a, b]) {
        expect(await machine.find(run.runId)).toBeUndefined();
        expect(await machine.activeIn(run.threadId)).toBeUndefined();
      }
      expect(await a.renew(run)).toMatchObject({ held: false });
      expect(await granted(b, claim)).toEqual(run);
    });

    it('takes the first release as the one that counts', async () => {
      const [a, b] = patient();
      const run = await granted(a, freshClaim());
      await a.release(run, 'completed');
      const next = await granted(b, freshClaim(run.threadId));
      await a.release(run, 'failed');
      expect(await b.find(run.runId)).toEqual({ ...run, outcome: 'completed' });
      expect(await b.activeIn(run.threadId)).toEqual(next);
    });

    it('knows nothing of what never was', async () => {
      const [a] = patient();
      const claim = freshClaim();
      expect(await a.find(claim.runId)).toBeUndefined();
      expect(await a.activeIn(claim.threadId)).toBeUndefined();
      expect(await a.renew({ ...claim, epoch: 1 })).toMatchObject({ held: false });
      await a.release({ ...claim, epoch: 1 }, 'completed');
      expect(await a.find(claim.runId)).toBeUndefined();
    });

    it('answers an epoch that has not been as lost', async () => {
      const [a, b] = patient();
      const run = await granted(a, freshClaim());
      expect(await b.renew({ ...run, epoch: 2 })).toMatchObject({ held: false });
      await b.release({ ...run, epoch: 2 }, 'failed');
      expect(await a.find(run.runId)).toEqual(run);
      expect(await a.renew(run)).toMatchObject({ held: true });
    });
  });
};
