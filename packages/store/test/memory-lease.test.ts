import { createMemoryLease } from '@chatkit/store/memory';
import { createVirtualClock } from '@chatkit/testing';
import { describeRunLease } from '@chatkit/testing/conformance';
import { expect, it } from 'vitest';

const clock = createVirtualClock();

describeRunLease(
  'createMemoryLease',
  (ttlMs) => {
    const lease = createMemoryLease({ ttlMs, clock });
    return [lease, lease];
  },
  { passTime: (ms) => clock.advance(ms), runs: 500 },
);

it('createMemoryLease forgets the oldest ended runs', async () => {
  const lease = createMemoryLease({ maxEndedRuns: 2 });
  for (const runId of ['a', 'b', 'c']) {
    const claim = { runId, threadId: 't', resumable: true };
    await lease.acquire(claim);
    await lease.release({ ...claim, epoch: 1 }, 'completed');
  }
  expect(await lease.find('a')).toBeUndefined();
  expect(await lease.find('b')).toMatchObject({ outcome: 'completed' });
});

it('createMemoryLease removes all listeners when it is closed, and keeps the leases', async () => {
  const lease = createMemoryLease();
  const heard: string[] = [];
  lease.onStop((runId) => heard.push(runId));
  lease.onFree((threadId) => heard.push(threadId));
  await lease.acquire({ runId: 'a', threadId: 't', resumable: true });
  await lease.queue({ runId: 'b', threadId: 't', resumable: true }, 'machine');
  await lease.close();
  await lease.requestStop('a', 'cancel');
  await lease.release({ runId: 'a', threadId: 't', resumable: true, epoch: 1 });
  expect(heard).toEqual([]);
  expect(await lease.acquire({ runId: 'c', threadId: 't', resumable: true })).toEqual({ heldBy: undefined });
});
