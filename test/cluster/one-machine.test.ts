// One server with a file, killed in the middle of an answer and started again: the answer ends, what was written of it stays, and the
// next message is answered, without anybody else and without waiting for a lease to run out.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { wordsOf } from '../../apps/cluster/server/writer.ts';
import { type Nodes, startNodes } from './nodes.ts';
import {
  attach,
  disorder,
  loadItems,
  message,
  patienceMs,
  post,
  read,
  shown,
  textOf,
  until,
  within,
} from './requests.ts';

/** The log writes twice in that time, also where one write takes long: it rests then, for a quarter of a second at most. */
const wordsInLog = 40;

let nodes: Nodes;
beforeAll(async () => {
  // Nobody here lives to see that lease run out.
  nodes = await startNodes({ names: ['a'], runsIn: 'sqlite', leaseMs: 10 * patienceMs });
}, patienceMs);
afterAll(() => nodes?.close());

test(
  'kill -9 and a start: readers are told the end, its text is kept, and the thread goes on',
  async () => {
    const url = nodes.url('a');
    let threadId: string | undefined;
    const texts: string[] = [];
    for (let round = 0; round < 3; round += 1) {
      const runId = randomUUID();
      const reading = read(post(url, message('Write 5000 words.', threadId), runId));
      await until('words in the log', () => reading.words() > wordsInLog);
      threadId ??= reading.threadId() as string;
      await nodes.node('a').kill();
      expect(await within('the cut', reading.ended, patienceMs)).toBe('cut');
      await nodes.node('a').start();

      const resumed = read(attach(url, runId, reading.offsets.at(-1)));
      expect(await within('the end', resumed.ended, patienceMs)).toBe('interrupted');
      const replay = read(attach(url, runId));
      expect(await within('the replay', replay.ended, patienceMs)).toBe('interrupted');
      expect(disorder(replay.events)).toBeUndefined();
      expect(replay.events).toContainEqual(expect.objectContaining({ type: 'error', code: 'run.interrupted' }));
      expect(wordsOf(5_000).startsWith(replay.text())).toBe(true);
      expect(replay.text().length).toBeGreaterThan(0);
      texts.push('Write 5000 words.', replay.text());
      const items = await loadItems(url, threadId);
      expect(items.map(textOf)).toEqual(texts);
      expect(shown(replay.events)).toEqual(items.slice(-2));
    }
    const next = read(post(url, message('Write 4 words.', threadId)));
    expect(await within('the next answer', next.ended, patienceMs)).toBe('completed');
    expect(next.text()).toBe(wordsOf(4));
    expect(nodes.unhandled()).toEqual([]);
    expect(nodes.told.filter(({ type }) => type === 'error')).toEqual([]);
  },
  4 * patienceMs,
);

test(
  'a message that comes at once when the machine is back is answered behind the one that was cut',
  async () => {
    const url = nodes.url('a');
    const reading = read(post(url, message('Write 5000 words.')));
    await until('words in the log', () => reading.words() > wordsInLog);
    const threadId = reading.threadId() as string;
    await nodes.node('a').kill();
    await reading.ended;
    await nodes.node('a').start();
    const next = read(post(url, message('Write 4 words.', threadId)));
    expect(await within('the next answer', next.ended, patienceMs)).toBe('completed');
    const items = await loadItems(url, threadId);
    expect(items.map(({ type }) => type)).toEqual([
      'user_message',
      'assistant_message',
      'user_message',
      'assistant_message',
    ]);
    expect(textOf(items.at(-1) as never)).toBe(wordsOf(4));
  },
  4 * patienceMs,
);
