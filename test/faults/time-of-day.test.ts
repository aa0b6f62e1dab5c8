// Somebody sets the clock of a machine, an hour forward or back, in the middle of an answer. Timers and leases go by clocks that
// do not jump, so nobody loses a run, no deadline passes, no connection is given up.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createChatClient } from '@chatkit/client';
import { assistantMessage, itemAdded, itemDone, type RunLease, type StreamLog, textDelta } from '@chatkit/core';
import { createChatKitServer } from '@chatkit/server';
import { toNodeHandler } from '@chatkit/server/node';
import { createMemoryLease, createMemoryLog, createMemoryStore } from '@chatkit/store/memory';
import { createRedisLease, createRedisLog } from '@chatkit/store/redis';
import { createClient } from 'redis';
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import { findProgram } from '../../apps/cluster/server/program.ts';
import { startRedis } from '../../apps/cluster/server/redis-program.ts';

const hour = 3_600_000;
const realNow = Date.now;
/** Longer than a busy machine may make this process wait. */
const leaseMs = 6_000;

const redis = findProgram('redis-server') === undefined ? undefined : await startRedis();
const ends: (() => unknown)[] = [];
afterEach(() => void vi.restoreAllMocks());
afterAll(async () => {
  for (const end of ends.reverse()) await end();
  await redis?.kill();
});

const backends: Record<string, () => Promise<{ log: StreamLog; lease: RunLease }>> = {
  memory: async () => ({ log: createMemoryLog(), lease: createMemoryLease({ ttlMs: leaseMs }) }),
};
if (redis !== undefined) {
  backends['redis'] = async () => {
    const client = createClient({ url: redis.url });
    client.on('error', () => {});
    await client.connect();
    const lease = createRedisLease({ client, ttlMs: leaseMs });
    ends.push(async () => {
      await lease.close();
      client.destroy();
    });
    return { log: createRedisLog({ client }), lease };
  };
}

test.each(Object.keys(backends).flatMap((name) => [[name, hour] as const, [name, -hour] as const]))(
  'with the log and the lease in %s, by %i ms',
  async (name, jump) => {
    const shared = await (backends[name] as (typeof backends)[string])();
    const errors: unknown[] = [];
    const stops: unknown[] = [];
    let jumped = () => {};
    const jumping = new Promise<void>((resolve) => {
      jumped = resolve;
    });
    let onRenewed = () => {};
    const renewed = () =>
      new Promise<void>((resolve) => {
        onRenewed = resolve;
      });
    const renew = async (...asked: Parameters<RunLease['renew']>) => {
      const answer = await shared.lease.renew(...asked);
      onRenewed();
      return answer;
    };
    const server = createChatKitServer({
      log: shared.log,
      lease: { ...shared.lease, renew },
      store: createMemoryStore(),
      // After 2.5 of these without a byte the client takes a connection for dead.
      heartbeatMs: leaseMs / 2.5,
      deadlines: { firstEventMs: 20_000, idleMs: 20_000, totalMs: 60_000 },
      onError: (error) => errors.push(error),
      async *respond(thread, _input, _context, run) {
        run.signal.addEventListener('abort', () => stops.push(run.signal.reason));
        const message = assistantMessage({ thread_id: thread.id });
        yield itemAdded(message);
        yield textDelta(message.id, 'before, ');
        await jumping;
        yield textDelta(message.id, 'after');
        await renewed();
        yield itemDone(assistantMessage({ ...message, text: 'before, after', content: undefined }));
      },
    });
    const methods: (string | undefined)[] = [];
    const handle = toNodeHandler(server);
    const http = createServer((request, response) => {
      methods.push(request.method);
      void handle(request, response);
    });
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    ends.push(async () => {
      await server.close({ graceMs: 0 });
      http.closeAllConnections();
      http.close();
    });
    const client = createChatClient({
      url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
      extensions: true,
    });
    const run = client.send('hi');
    for await (const event of run) {
      if (event.type !== 'thread.item.updated' || !JSON.stringify(event).includes('before')) continue;
      const now = realNow();
      // It goes on from there: a clock that stands still would be another fault.
      vi.spyOn(Date, 'now').mockImplementation(() => realNow() + jump);
      expect(Math.abs(Date.now() - now)).toBeGreaterThan(hour - 10_000);
      jumped();
    }
    expect(await run.done).toBe('completed');
    expect(client.getSnapshot().items.map((item) => item.type)).toEqual(['user_message', 'assistant_message']);
    // It was never asked for again.
    expect(methods).toEqual(['POST']);
    expect([stops, errors]).toEqual([[], []]);
  },
);
