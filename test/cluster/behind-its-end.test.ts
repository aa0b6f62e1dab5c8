// A machine that dies between the end of its answer, which is in the log, and the release of its thread: another one frees the thread
// with that end, over each log and lease that machines can share.
import { createMemoryStore } from '@chatkit/store/memory';
import { scriptedResponder } from '@chatkit/testing';
import { afterAll, expect, test } from 'vitest';
import { testServer, type User } from '../../packages/server/test/support.ts';
import { places, stopPlaces } from './places.ts';
import { patienceMs, until } from './requests.ts';

afterAll(stopPlaces);

test.each(Object.entries(places))('over %s', { timeout: 2 * patienceMs }, async (_, makePlace) => {
  const { open, remove } = await makePlace(500);
  const [dead, alive] = [await open(), await open()];
  const claim = { runId: 'r', threadId: 't', resumable: true, userId: 'ada' };
  expect(await dead.lease.acquire(claim)).toEqual({ granted: { ...claim, epoch: 1 } });
  await dead.log.create('r');
  await dead.log.append('r', [{ offset: '1-1', event: { type: 'progress_update', text: 'almost' } }]);
  await dead.log.append('r', [{ offset: '1-2', end: 'completed' }]);

  const { server, errors } = testServer({
    store: createMemoryStore<User>(),
    log: alive.log,
    lease: alive.lease,
    respond: scriptedResponder([]),
  });
  const outcome = async () => (await alive.lease.find('r'))?.outcome;
  await until('the end of the run', async () => (await outcome()) !== undefined);
  expect(await outcome()).toBe('completed');
  expect(await alive.lease.activeIn('t')).toBeUndefined();
  expect(errors).toEqual([]);
  await server.close({ graceMs: 0 });
  for (const { log, lease, close } of [dead, alive]) {
    await Promise.all([log.close(), lease.close()]);
    await close?.();
  }
  await remove();
});
