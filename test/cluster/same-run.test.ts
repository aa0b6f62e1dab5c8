// One run id, POSTed to two machines at the same moment: the model is asked once, and every client reads the same answer.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { wordsOf } from '../../apps/cluster/server/writer.ts';
import { type Nodes, places, startNodes } from './nodes.ts';
import { disorder, loadItems, message, patienceMs, post, read, textOf, within } from './requests.ts';

const rounds = 30;

describe.each(places)('two machines and one run id, in %s', { timeout: 4 * patienceMs }, (runsIn) => {
  let nodes: Nodes;
  beforeAll(async () => {
    nodes = await startNodes({ names: ['a', 'b'], tokenMs: 2, runsIn });
  }, patienceMs);
  afterAll(() => nodes?.close());

  test.each(['a new thread', 'a thread that is there'] as const)(
    `${rounds} times ${'%s'}: one answer, read by all four`,
    async (kind) => {
      for (let round = 0; round < rounds; round += 1) {
        let threadId: string | undefined;
        if (kind !== 'a new thread') {
          const opening = read(post(nodes.url('a'), message('Write 2 words.')));
          expect(await opening.ended).toBe('completed');
          threadId = opening.threadId();
        }
        const runId = `twice-${threadId === undefined ? 'new' : 'old'}-${round}`;
        const readings = ['a', 'b', 'b', 'a'].map((name) =>
          read(post(nodes.url(name), message('Write 5 words.', threadId), runId)),
        );
        const outcomes = await within(runId, Promise.all(readings.map(({ ended }) => ended)), patienceMs);
        expect(outcomes).toEqual(Array(4).fill('completed'));
        for (const reading of readings) {
          expect(reading.text()).toBe(wordsOf(5));
          expect(disorder(reading.events)).toBeUndefined();
        }
        expect(nodes.begun(runId)).toHaveLength(1);
        // Told by another way than the answer, so perhaps later.
        await expect.poll(() => nodes.ended(runId)).toHaveLength(1);
        const items = await loadItems(nodes.url('b'), threadId ?? (readings[0]?.threadId() as string));
        expect(items.map(textOf).slice(-2)).toEqual(['Write 5 words.', wordsOf(5)]);
        expect(items).toHaveLength(threadId === undefined ? 2 : 4);
      }
      expect(nodes.unhandled()).toEqual([]);
      expect(nodes.told.filter(({ type }) => type === 'error')).toEqual([]);
    },
  );
});
