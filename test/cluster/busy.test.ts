// Messages to one thread on two machines at once, under each busy policy. Each asks for another number of words, so every
// whole answer names its question.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { wordCount, wordsOf } from '../../apps/cluster/server/writer.ts';
import { hasRedis, type Nodes, startNodes } from './nodes.ts';
import { disorder, loadItems, message, post, read, textOf, within } from './requests.ts';

const count = 16;

describe.skipIf(!hasRedis).each(['interrupt', 'queue', 'reject'] as const)('%s', { timeout: 40_000 }, (busy) => {
  let nodes: Nodes;
  beforeAll(async () => {
    nodes = await startNodes({ names: ['a', 'b'], leaseMs: 1_000, tokenMs: 2, busy });
  }, 30_000);
  afterAll(() => nodes?.close());

  test(`${count} messages on two machines: no items interleaved, one settlement each`, async () => {
    const opening = read(post(nodes.url('a'), message('Write 2 words.')));
    expect(await opening.ended).toBe('completed');
    const threadId = opening.threadId() as string;

    const sent = Array.from({ length: count }, (_, index) => ({
      runId: `run-${busy}-${index}`,
      words: index + 3,
      reading: read(
        post(
          nodes.url(index % 2 === 0 ? 'a' : 'b'),
          message(`Write ${index + 3} words.`, threadId),
          `run-${busy}-${index}`,
        ),
      ),
    }));
    const outcomes = await within('all answers', Promise.all(sent.map(({ reading }) => reading.ended)), 30_000);
    const kinds = [...new Set(outcomes)];
    console.log(
      `${busy}: ${kinds.map((kind) => `${outcomes.filter((each) => each === kind).length} ${kind}`).join(', ')}`,
    );
    const allowed = {
      interrupt: ['completed', 'cancelled'],
      queue: ['completed'],
      reject: ['completed', 'status 409'],
    }[busy];
    expect(outcomes.filter((outcome) => !allowed.includes(outcome))).toEqual([]);
    expect(outcomes).toContain('completed');

    const items = (await loadItems(nodes.url('b'), threadId)).slice(2);
    // Question, its answer or none, the next question: nothing of one answer is inside another.
    const turns: { asked: number; answers: string[] }[] = [];
    for (const item of items) {
      if (item.type === 'user_message') turns.push({ asked: wordCount(textOf(item)), answers: [] });
      else if (item.type === 'assistant_message') turns.at(-1)?.answers.push(textOf(item));
    }
    for (const { asked, answers } of turns) {
      expect(answers.length).toBeLessThanOrEqual(1);
      expect(wordsOf(asked).startsWith(answers[0] ?? '')).toBe(true);
    }
    // Every message that was accepted is stored once, and whoever was told "completed" has the whole answer.
    const accepted = sent.filter((_, index) => outcomes[index] !== 'status 409');
    expect(turns.map(({ asked }) => asked).toSorted((x, y) => x - y)).toEqual(accepted.map(({ words }) => words));
    for (const [index, { runId, words, reading }] of sent.entries()) {
      expect(nodes.begun(runId).length).toBeLessThanOrEqual(1);
      expect(nodes.ended(runId).length).toBe(nodes.begun(runId).length);
      if (outcomes[index] === 'status 409') continue;
      expect(disorder(reading.events)).toBeUndefined();
      if (outcomes[index] !== 'completed') continue;
      expect(reading.text()).toBe(wordsOf(words));
      expect(turns.find(({ asked }) => asked === words)?.answers).toEqual([wordsOf(words)]);
    }
    expect(nodes.unhandled()).toEqual([]);
  });
});
