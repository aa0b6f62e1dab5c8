/** The lease of a Durable Object in workerd: the whole kit, the law, and what a next instance finds. */
import { createId, type RunClaim, type RunLease, type RunRecord } from '@chatkit/core';
import { createDurableObjectLease, type DurableObjectStorageLike } from '@chatkit/store/durable-object';
import { createVirtualClock } from '@chatkit/testing';
import { describeRunLease } from '@chatkit/testing/conformance';
import { describe, expect, it } from 'vitest';
import { checkLeaseLaw, lawTtlMs } from '../lease-law.ts';

/** What an object has beyond what the lease needs. */
interface Storage extends DurableObjectStorageLike {
  deleteAll(): Promise<void>;
}

const claimOf = (threadId = createId('thread')): RunClaim => ({ runId: createId('run'), threadId, resumable: true });
const granted = async (lease: RunLease, claim: RunClaim): Promise<RunRecord> => {
  const answer = await lease.acquire(claim);
  if ('granted' in answer) return answer.granted;
  throw new Error('It was not granted.');
};

/** Declares the tests of leases in the storage that `storageOf` gives once they run. */
export const describeObjectLease = (storageOf: () => Storage): void => {
  const clock = createVirtualClock();
  /** As the object's next instance sees the storage. */
  const nextInstance = (): DurableObjectStorageLike => ({
    sql: storageOf().sql,
    transactionSync: (work) => storageOf().transactionSync(work),
  });

  describeRunLease(
    'createDurableObjectLease',
    (ttlMs) => {
      const storage = nextInstance();
      return [createDurableObjectLease({ storage, ttlMs, clock }), createDurableObjectLease({ storage, ttlMs, clock })];
    },
    { passTime: (ms) => clock.advance(ms), runs: 40 },
  );

  describe('createDurableObjectLease, beyond the contract', () => {
    it('answers two machines as the lease in memory does, at any time', async () => {
      const storage = nextInstance();
      const open = () => createDurableObjectLease({ storage, ttlMs: lawTtlMs, clock });
      await checkLeaseLaw([open(), open()], clock, 60);
    });

    it('takes all that an earlier instance held for free at once, and nothing of its own', async () => {
      const before = createDurableObjectLease({ storage: nextInstance() });
      const run = await granted(before, { ...claimOf(), userId: 'ada' });
      const ended = await granted(before, claimOf());
      await before.release(ended, 'completed');
      const waiting = claimOf(run.threadId);
      await before.queue(waiting, 'before');

      const storage = nextInstance();
      const now = createDurableObjectLease({ storage });
      const own = await granted(now, claimOf());
      expect(await now.find(waiting.runId)).toBeUndefined();
      expect(await now.find(ended.runId)).toEqual({ ...ended, outcome: 'completed' });
      expect(await now.acquire(claimOf(run.threadId))).toEqual({ heldBy: run });
      const other = createDurableObjectLease({ storage });
      const reaped = await other.reap();
      expect(reaped).toContainEqual({ ...run, epoch: 2 });
      expect(reaped.map(({ runId }) => runId)).not.toContain(own.runId);
      expect(await now.reap()).toEqual([]);
      expect(await before.renew(run)).toEqual({ held: false });
      for (const each of reaped) await now.release(each, 'interrupted');
      await granted(now, claimOf(run.threadId));
    });

    it('tells all leases of the instance of stops and free threads, in the same moment', async () => {
      const storage = nextInstance();
      const [a, b] = [createDurableObjectLease({ storage }), createDurableObjectLease({ storage })];
      const heard: unknown[] = [];
      a.onStop((...stop) => heard.push(stop));
      a.onFree((thread) => heard.push(thread));
      const run = await granted(a, claimOf());
      await b.queue(claimOf(run.threadId), 'b');
      await b.requestStop(run.runId, 'cancel');
      await b.release(run, 'cancelled');
      expect(heard).toEqual([[run.runId, 'cancel'], run.threadId]);
      await a.close();
      await b.requestStop(run.runId, 'cancel');
      expect(heard).toHaveLength(2);
    });

    it('holds nothing after deleteAll, and goes on', async () => {
      const lease = createDurableObjectLease({ storage: nextInstance() });
      const run = await granted(lease, claimOf());
      await storageOf().deleteAll();
      expect(await lease.find(run.runId)).toBeUndefined();
      await storageOf().deleteAll();
      expect(await lease.renew(run)).toEqual({ held: false });
      await storageOf().deleteAll();
      await granted(lease, claimOf(run.threadId));
    });

    it('decides wholly or not at all when the storage fails', async () => {
      const failure = new Error('disk I/O error: SQLITE_IOERR');
      let left = Number.POSITIVE_INFINITY;
      const storage = nextInstance();
      const lease = createDurableObjectLease({
        storage: {
          sql: {
            exec(text, ...values) {
              if (left-- <= 0) throw failure;
              return storage.sql.exec(text, ...values);
            },
          },
          transactionSync: (work) => storage.transactionSync(work),
        },
      });
      for (let statements = 0; ; statements += 1) {
        const claim = claimOf();
        left = statements;
        const isGranted = await granted(lease, claim).then(
          () => true,
          (error) => {
            expect(error).toBe(failure);
            return false;
          },
        );
        left = Number.POSITIVE_INFINITY;
        const record = isGranted ? { ...claim, epoch: 1 } : undefined;
        expect(await lease.find(claim.runId)).toEqual(record);
        expect(await lease.activeIn(claim.threadId)).toEqual(record);
        if (isGranted) break;
        expect(statements).toBeLessThan(20);
      }
    });

    it('says what is missing when it is given no storage', () => {
      expect(() => createDurableObjectLease({} as { storage: Storage })).toThrow(
        'createDurableObjectLease needs the storage of the object: { storage: ctx.storage }.',
      );
    });
  });
};
