// Messages to one thread on two machines at once, under each busy policy, over a real Redis, a real PostgreSQL and a file.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { wordsOf } from '../../apps/cluster/server/writer.ts';
import { type Nodes, places, startNodes } from './nodes.ts';
import { attach, disorder, loadItems, message, post, read, textOf, until, within } from './requests.ts';

/** `CHATKIT_RUNS=1000` for the thousand, which take a machine of two cores half a minute. */
const count = Number(process.env['CHATKIT_RUNS'] ?? 300);
const patienceMs = 60_000 + count * 600;

const wordsFor = (index: number) => 1 + (index % 3);
const question = (index: number) => `Number ${index}: write ${wordsFor(index)} words.`;
const numberOf = (text: string) => Number(/^Number (\d+)/.exec(text)?.[1]);

describe.each(
  places.flatMap((runsIn) => (['interrupt', 'queue', 'reject'] as const).map((busy) => ({ runsIn, busy }))),
)('$busy, in $runsIn', { timeout: patienceMs + 10_000 }, ({ busy, runsIn }) => {
  let nodes: Nodes;
  beforeAll(async () => {
    // Hundreds of messages wait for five connections, and renewals among them: however long that takes, none is refused.
    nodes = await startNodes({ names: ['a', 'b'], tokenMs: 1, busy, runsIn, leaseMs: patienceMs, patienceMs });
  }, patienceMs);
  afterAll(() => nodes?.close());
  const url = (index: number) => nodes.url(index % 2 === 0 ? 'a' : 'b');

  const newThread = async () => {
    const opening = read(post(nodes.url('a'), message('Write 2 words.')));
    expect(await opening.ended).toBe('completed');
    return opening.threadId() as string;
  };
  /** Question, its answer or none, the next question: nothing of one answer is inside another. */
  const turnsOf = async (threadId: string) => {
    const turns: { asked: number; answers: string[] }[] = [];
    for (const item of (await loadItems(nodes.url('b'), threadId)).slice(2)) {
      if (item.type === 'user_message') turns.push({ asked: numberOf(textOf(item)), answers: [] });
      else if (item.type === 'assistant_message') turns.at(-1)?.answers.push(textOf(item));
    }
    return turns;
  };

  test(`${count} messages on two machines: no items interleaved, one settlement each`, async () => {
    const threadId = await newThread();
    const since = performance.now();
    const sent = Array.from({ length: count }, (_, index) => {
      const runId = `run-${busy}-${index}`;
      return { index, runId, reading: read(post(url(index), message(question(index), threadId), runId)) };
    });
    const outcomes = await within('all answers', Promise.all(sent.map(({ reading }) => reading.ended)), patienceMs);
    const kinds = [...new Set(outcomes)];
    console.log(
      `${busy}, ${runsIn}: ${kinds.map((kind) => `${outcomes.filter((each) => each === kind).length} ${kind}`).join(', ')} in ${(performance.now() - since).toFixed(0)} ms`,
    );
    const allowed = {
      interrupt: ['completed', 'cancelled'],
      queue: ['completed'],
      reject: ['completed', 'status 409'],
    }[busy];
    // First, so that a failure says what is behind it.
    expect(nodes.told.filter(({ type }) => type === 'error')).toEqual([]);
    expect(outcomes.filter((outcome) => !allowed.includes(outcome))).toEqual([]);
    expect(outcomes).toContain('completed');

    const turns = await turnsOf(threadId);
    const byNumber = new Map(turns.map((turn) => [turn.asked, turn]));
    for (const { asked, answers } of turns) {
      expect(answers.length).toBeLessThanOrEqual(1);
      expect(wordsOf(wordsFor(asked)).startsWith(answers[0] ?? '')).toBe(true);
    }
    // Every message that was accepted is stored once, and whoever was told "completed" has the whole answer.
    const accepted = sent.filter(({ index }) => outcomes[index] !== 'status 409').map(({ index }) => index);
    expect(turns.map(({ asked }) => asked).toSorted((x, y) => x - y)).toEqual(accepted);
    // Under `interrupt` the last one is superseded by nobody.
    if (busy === 'interrupt') expect(outcomes[turns.at(-1)?.asked ?? -1]).toBe('completed');
    for (const { index, runId, reading } of sent) {
      expect(nodes.begun(runId).length).toBeLessThanOrEqual(1);
      expect(nodes.ended(runId).length).toBe(nodes.begun(runId).length);
      if (outcomes[index] === 'status 409') continue;
      expect(disorder(reading.events)).toBeUndefined();
      if (outcomes[index] !== 'completed') continue;
      expect(reading.text()).toBe(wordsOf(wordsFor(index)));
      expect(byNumber.get(index)?.answers).toEqual([wordsOf(wordsFor(index))]);
    }
    expect(nodes.unhandled()).toEqual([]);
  });

  test.skipIf(busy === 'reject')('the order is that of acceptance, whichever machine accepted', async () => {
    const threadId = await newThread();
    // Holds the thread until it is stopped: by the next message, or by hand.
    const holder = read(post(nodes.url('a'), message('Write 5000 words.', threadId), `holder-${busy}`));
    await until('the holder', () => holder.words() > 0, patienceMs);
    const readings = [];
    for (let index = 0; index < 20; index += 1) {
      const answer = await post(url(index + (index % 3)), message(question(index), threadId), `order-${busy}-${index}`);
      expect(answer.status).toBe(200);
      readings.push(read(Promise.resolve(answer)));
    }
    await post(nodes.url('b'), { type: 'runs.cancel', params: { run_id: `holder-${busy}` } });
    await within('all answers', Promise.all(readings.map(({ ended }) => ended)), patienceMs);
    const turns = await turnsOf(threadId);
    expect(turns.slice(1).map(({ asked }) => asked)).toEqual(readings.map((_, index) => index));
    expect(nodes.unhandled()).toEqual([]);
  });

  test.skipIf(busy !== 'queue')(
    'the other machine reads a run that waits, and stops one before it begins',
    async () => {
      const threadId = await newThread();
      const holder = read(post(nodes.url('a'), message('Write 5000 words.', threadId), 'holds'));
      await until('the holder', () => holder.words() > 0, patienceMs);
      const ask = (index: number) => post(nodes.url('a'), message(question(index), threadId), `waits-${index}`);
      const asked = [ask(1), ask(2)] as const;
      await Promise.all(asked);
      const onA = [read(asked[0]), read(asked[1])] as const;
      const onB = [1, 2].map((index) => read(attach(nodes.url('b'), `waits-${index}`))) as [
        typeof holder,
        typeof holder,
      ];
      const stop = (runId: string) => post(nodes.url('b'), { type: 'runs.cancel', params: { run_id: runId } });

      expect((await within('the stop', stop('waits-2'), patienceMs)).status).toBe(200);
      const ends = Promise.all([onA[1], onB[1]].map(({ ended }) => ended));
      expect(await within('the end of the one that was stopped', ends, patienceMs)).toEqual(['cancelled', 'cancelled']);
      expect([onA[0].events, onB[0].events]).toEqual([[], []]);
      await stop('holds');
      const answers = Promise.all([onA[0], onB[0]].map(({ ended }) => ended));
      expect(await within('the answer', answers, patienceMs)).toEqual(['completed', 'completed']);
      expect(onB[0].text()).toBe(wordsOf(wordsFor(1)));
      // A reader that is behind gets deltas in one frame, so only the last offset is the same for all.
      expect(onB[0].offsets.at(-1)).toBe(onA[0].offsets.at(-1));
      const late = read(attach(nodes.url('b'), 'waits-2'));
      expect(await within('a late reader', late.ended, patienceMs)).toBe('cancelled');
      expect(nodes.begun('waits-2')).toEqual([]);
      expect((await turnsOf(threadId)).map(({ asked }) => asked).slice(1)).toEqual([1]);
      expect(nodes.unhandled()).toEqual([]);
    },
  );
});
