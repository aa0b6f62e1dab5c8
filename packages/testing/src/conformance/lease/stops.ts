/** Stops: they reach the owner by message, and by its next renewal when the message was lost. */
import { describe, expect, it } from 'vitest';
import { eventually, freshClaim, granted, type LeaseKit } from './kit.ts';

export const describeStops = ({ patient }: LeaseKit): void => {
  describe('stops', () => {
    it('reach the owner from any machine', async () => {
      const machines = patient();
      const heard: string[][] = [];
      const [owner] = machines;
      const end = owner.onStop((runId, cause) => heard.push([runId, cause]));
      // The first stop may be sent before the machine has begun to listen. Then its renewal reports the stop.
      const probe = await granted(owner, freshClaim());
      while (!heard.some(([id]) => id === probe.runId)) {
        await owner.requestStop(probe.runId, 'cancel');
        await new Promise((done) => setTimeout(done, 2));
      }
      for (const machine of machines) {
        const run = await granted(owner, freshClaim());
        await machine.requestStop(run.runId, 'superseded');
        await eventually(() => heard.some(([id, cause]) => id === run.runId && cause === 'superseded'));
      }
      end();
    });

    it('are in the next renewal, the first cause', async () => {
      const [a, b] = patient();
      const run = await granted(a, freshClaim());
      expect((await a.renew(run)).stop).toBeUndefined();
      await b.requestStop(run.runId, 'superseded');
      await b.requestStop(run.runId, 'cancel');
      expect(await a.renew(run)).toEqual({ held: true, stop: 'superseded' });
      expect(await a.renew(run)).toEqual({ held: true, stop: 'superseded' });
    });

    it('do nothing to a run that is unknown or has ended', async () => {
      const [a, b] = patient();
      await b.requestStop(freshClaim().runId, 'cancel');
      const run = await granted(a, freshClaim());
      await a.release(run, 'completed');
      await b.requestStop(run.runId, 'cancel');
      expect(await b.find(run.runId)).toEqual({ ...run, outcome: 'completed' });
      const next = await granted(a, freshClaim(run.threadId));
      expect((await a.renew(next)).stop).toBeUndefined();
    });

    it('are not heard by those who have stopped listening', async () => {
      const [a] = patient();
      const heard: string[] = [];
      const deaf: string[] = [];
      a.onStop((runId) => deaf.push(runId))();
      const end = a.onStop((runId) => heard.push(runId));
      const run = await granted(a, freshClaim());
      while (!heard.includes(run.runId)) {
        await a.requestStop(run.runId, 'cancel');
        await new Promise((done) => setTimeout(done, 2));
      }
      end();
      expect(deaf).toEqual([]);
    });
  });
};
