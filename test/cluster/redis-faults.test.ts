// Redis dies in the middle of answers and comes back, with what it knew or without. Answers may be lost then; what may not
// happen is that somebody waits for ever.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { createChatClient } from '@chatkit/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { wordsOf } from '../../apps/cluster/server/writer.ts';
import { hasRedis, type Nodes, startNodes } from './nodes.ts';
import { attach, disorder, loadItems, message, patienceMs, post, read, until, within } from './requests.ts';

/** A machine that gets no core for so long loses its runs, as it should: the answers after the outage would be interrupted. */
const leaseMs = 3_000;

const atOnce = { name: 'at once', downMs: 0 };
const late = { name: 'after the lease has run out', downMs: 1.5 * leaseMs };

describe.skipIf(!hasRedis).each([
  { data: 'with its data', keepRedisData: true, outages: [atOnce, late] },
  { data: 'without its data', keepRedisData: false, outages: [atOnce, late] },
])('Redis killed and restarted $data', { timeout: 4 * patienceMs }, ({ keepRedisData, outages }) => {
  let nodes: Nodes;
  beforeAll(async () => {
    nodes = await startNodes({ names: ['a', 'b'], leaseMs, keepRedisData });
  }, patienceMs);
  afterAll(() => nodes?.close());

  test.each(outages)(
    '$name: nobody hangs, nothing is unhandled, the run settles, the next message is answered',
    async ({ downMs }) => {
      const runId = randomUUID();
      const onA = read(post(nodes.url('a'), message('Write 200 words.'), runId));
      await until('the first words', () => onA.words() > 3);
      const threadId = onA.threadId() as string;
      const onB = read(attach(nodes.url('b'), runId));
      const client = createChatClient({
        url: nodes.proxyUrl,
        extensions: true,
        connection: { baseMs: 50, floorMs: 20, heartbeatMs: 1_000, budgetMs: 8_000 },
      });
      await client.loadThread(threadId);
      await until('words on B', () => onB.words() > 3);

      await nodes.cluster.redis?.kill();
      await sleep(downMs);
      await nodes.cluster.redis?.start();

      const [a, b] = await within('the readers', Promise.all([onA.ended, onB.ended]), patienceMs);
      await until('the client', () => client.getSnapshot().status === 'idle', patienceMs);
      client.detach();
      await until('the end of the generator', () => nodes.ended(runId).length === 1, patienceMs);
      console.log(`Redis ${keepRedisData ? 'with' : 'without'} its data, down ${downMs} ms: A ${a}, B ${b}`);
      for (const each of [onA, onB]) expect(wordsOf(200).startsWith(each.text())).toBe(true);
      if (a !== 'cut') expect(disorder(onA.events)).toBeUndefined();
      // Whoever is told that it is complete has all of it.
      for (const [outcome, each] of [
        [a, onA],
        [b, onB],
      ] as const) {
        if (outcome === 'completed') expect(each.text()).toBe(wordsOf(200));
      }
      const lateReader = read(attach(nodes.url('b'), runId));
      await within('a late reader', lateReader.ended, patienceMs);
      for (const name of ['a', 'b']) {
        const next = read(post(nodes.url(name), message('Write 4 words.', threadId)));
        expect(await within(`the next answer, on ${name}`, next.ended, patienceMs)).toBe('completed');
        expect(next.text()).toBe(wordsOf(4));
      }
      const items = await loadItems(nodes.url('b'), threadId);
      expect(items.map(({ type }) => type).slice(-4)).toEqual([
        'user_message',
        'assistant_message',
        'user_message',
        'assistant_message',
      ]);
      expect(nodes.unhandled()).toEqual([]);
    },
  );
});
