import {
  assistantMessage,
  fromThread,
  itemAdded,
  itemDone,
  progressUpdate,
  selectItems,
  textDelta,
} from '@chatkit/core';
import { createVirtualClock, hang, say, scriptedResponder } from '@chatkit/testing';
import { expect, it } from 'vitest';
import { applyReplay } from '../src/apply-replay.ts';
import { emptyChatState } from '../src/chat-state.ts';
import { createReplayGate } from '../src/replay-gate.ts';
import type { ReplayPlace } from '../src/resume-run.ts';
import { testChat, texts } from './support/chat.ts';

const now = (flush: () => void) => {
  flush();
  return () => {};
};

it('over a slow network a replay is one piece all the same: the answer says where it ends', async () => {
  const clock = createVirtualClock({ startMs: 1_000_000 });
  const words = Array.from({ length: 40 }, (_, index) => `word${index} `);
  const respond = scriptedResponder(({ thread }) => [
    itemAdded(assistantMessage({ thread_id: thread.id, id: 'msg_1', created_at: '2099-01-01T00:00:00Z' })),
    // What stands between two deltas keeps them from being joined into one frame.
    ...words.flatMap((word) => [textDelta('msg_1', word), progressUpdate(word)]),
    hang(),
  ]);
  const chat = testChat({ respond, clock });
  const quiet = { clock, random: () => 0.5, scheduler: now };
  const writer = chat.client(quiet);
  writer.send('Hi');
  await clock.advance(100);

  // 500 bytes each 100 ms: longer between two reads than any pause that could be taken for the end.
  const slowFetch: typeof fetch = async (input, init) => {
    const response = await chat.network.fetch(input, init);
    if (response.body === null || !response.headers.get('content-type')?.includes('event-stream')) return response;
    const bytes = response.body.getReader();
    const slow = new ReadableStream<Uint8Array>({
      async pull(controller) {
        const { done, value } = await bytes.read();
        if (done) return controller.close();
        for (let at = 0; at < value.length; at += 500) {
          await clock.sleep(100);
          controller.enqueue(value.subarray(at, at + 500));
        }
      },
      cancel: (reason) => bytes.cancel(reason),
    });
    return new Response(slow, response);
  };
  const reader = chat.client({ ...quiet, fetch: slowFetch });
  const lengths = new Set<number>();
  reader.subscribe(() => lengths.add(texts(reader).at(1)?.length ?? 0));
  const loaded = reader.loadThread(writer.getSnapshot().thread?.id ?? '');
  await clock.advance(30_000);
  await loaded;
  expect(texts(reader)).toEqual(['Hi', words.join('')]);
  expect([...lengths].filter((length) => length > 0)).toEqual([words.join('').length]);
  reader.detach();
  writer.detach();
});

it('of a run with more items than a page holds leaves the older ones to the older pages', async () => {
  const clock = createVirtualClock({ startMs: 1_000_000 });
  const answers = Array.from({ length: 40 }, (_, index) => `Answer ${index}`);
  const respond = scriptedResponder(({ thread }) => [
    ...answers.map((text) => say(text)),
    itemAdded(assistantMessage({ thread_id: thread.id, id: 'msg_1', created_at: '2099-01-01T00:00:00Z' })),
    textDelta('msg_1', 'And'),
    hang(),
  ]);
  const chat = testChat({ respond, clock });
  const quiet = { clock, random: () => 0.5, scheduler: now };
  const writer = chat.client(quiet);
  writer.send('Hi');
  await clock.advance(100);
  const reader = chat.client(quiet);
  const loaded = reader.loadThread(writer.getSnapshot().thread?.id ?? '');
  await clock.advance(1_000);
  await loaded;
  expect(texts(reader)).toEqual([...answers.slice(20), 'And']);
  while (reader.getSnapshot().hasOlder) await reader.loadOlder();
  expect(texts(reader)).toEqual(['Hi', ...answers, 'And']);
  reader.detach();
  writer.detach();
});

it('that is long in coming does not keep a loaded thread from being shown', async () => {
  const clock = createVirtualClock({ startMs: 1_000_000 });
  const chat = testChat({ respond: scriptedResponder([say('ok'), hang()]), clock });
  const quiet = { clock, random: () => 0.5, scheduler: now };
  const writer = chat.client(quiet);
  writer.send('Hi');
  await clock.advance(100);
  const reader = chat.client(quiet);
  chat.network.plan({}, { delayMs: 5_000 });
  let isLoaded = false;
  void reader.loadThread(writer.getSnapshot().thread?.id ?? '').then(() => {
    isLoaded = true;
  });
  await clock.advance(900);
  expect(isLoaded).toBe(false);
  await clock.advance(200);
  expect(isLoaded).toBe(true);
  expect(reader.getSnapshot()).toMatchObject({ status: 'streaming', connection: 'connecting' });
  expect(texts(reader)).toEqual(['Hi', 'ok']);
  reader.detach();
  writer.detach();
});

it('in which an item is finished again places nothing before that, however alike their times are', () => {
  const created_at = '2026-01-01T00:00:00Z';
  const item = (id: string) => assistantMessage({ id, thread_id: 'thr_1', created_at, text: id });
  const items = { data: [item('first')], has_more: false };
  const { thread } = fromThread({ id: 'thr_1', created_at, status: { type: 'active' }, metadata: {}, items });
  const state = { ...emptyChatState, thread: fromThread({ ...(thread as NonNullable<typeof thread>), items }) };
  const replay = [itemDone(item('first')), itemAdded(item('second')), itemDone(item('first'))];
  expect(selectItems(applyReplay(state, replay).thread).map(({ id }) => id)).toEqual(['first', 'second']);
});

it.each<[string, readonly (ReplayPlace | number)[], readonly number[]]>([
  ['that nobody says the end of is shown when it pauses', ['unknown', 24, 'unknown', 24, 'unknown', 25], [3]],
  [
    'that does not pause is shown after 300 ms',
    Array.from({ length: 28 }, (_, n) => (n % 2 === 0 ? 'unknown' : 24)),
    [13, 1],
  ],
  ['that is known to go on is waited for', ['unknown', 24, 'replay', 10_000, 'tail', 0, 'tail'], [3, 1]],
])('%s', async (_, steps, pieces) => {
  const clock = createVirtualClock({ startMs: 1_000_000 });
  const shown: number[] = [];
  const gate = createReplayGate(clock, (events, replayed) => {
    expect(replayed).toBe(shown.length === 0);
    shown.push(events.length);
  });
  for (const step of steps) {
    if (typeof step === 'number') await clock.advance(step);
    else gate.push([progressUpdate('on')], step);
  }
  expect(shown).toEqual(pieces);
  expect(gate.held()).toEqual([]);
  expect(clock.pending).toBe(0);
});
