/** Random histories of two machines, compared with a model after every step. */
import { createId, type RunRecord } from '@chatkit/core';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LeaseKit } from './kit.ts';

/** Few threads and few runs, so that everything collides. */
const aStep = fc.record({
  what: fc.constantFrom('acquire', 'acquire', 'renew', 'release', 'stop', 'look' as const),
  machine: fc.constantFrom(0, 1),
  thread: fc.nat({ max: 2 }),
  run: fc.nat({ max: 4 }),
  epoch: fc.constantFrom(1, 1, 1, 2),
});

export const describeInterleavedClaims = ({ patient, runs }: LeaseKit): void => {
  describe('interleavings', () => {
    it('does what the model does, whoever moves next', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(aStep, { maxLength: 30 }), async (steps) => {
          const scope = createId('run');
          const threadOf = (n: number) => `${scope}-thread-${n}`;
          const active = new Map<string, RunRecord>();
          const known = new Map<string, RunRecord>();
          const stops = new Map<string, string>();
          for (const step of steps) {
            const lease = patient()[step.machine as 0 | 1];
            const runId = `${scope}-run-${step.run}`;
            const run = known.get(runId);
            const threadId = run?.threadId ?? threadOf(step.thread);
            const record: RunRecord = { runId, threadId, resumable: true, epoch: step.epoch };
            const isOwner = active.get(threadId)?.runId === runId && step.epoch === 1;
            if (step.what === 'acquire') {
              const holder = run ?? active.get(threadId);
              const answer = await lease.acquire({ runId, threadId, resumable: true });
              const first = { runId, threadId, resumable: true, epoch: 1 };
              expect(answer).toEqual(holder === undefined ? { granted: first } : { heldBy: holder });
              if (holder === undefined) {
                active.set(threadId, first);
                known.set(runId, first);
              }
            } else if (step.what === 'renew') {
              const stop = stops.get(runId);
              const { held, ...rest } = await lease.renew(record);
              expect(held).toBe(isOwner);
              if (isOwner) expect(rest.stop).toBe(stop);
            } else if (step.what === 'release') {
              await lease.release(record, 'completed');
              if (isOwner) {
                active.delete(threadId);
                known.set(runId, { ...record, outcome: 'completed' });
              }
            } else if (step.what === 'stop') {
              await lease.requestStop(runId, `cause ${step.thread}`);
              if (run !== undefined && run.outcome === undefined && !stops.has(runId))
                stops.set(runId, `cause ${step.thread}`);
            }
            expect(await lease.find(runId)).toEqual(known.get(runId));
            expect(await lease.activeIn(threadId)).toEqual(active.get(threadId));
          }
        }),
        { numRuns: runs },
      );
    });
  });
};
