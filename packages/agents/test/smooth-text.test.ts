import {
  assistantMessage,
  emptyThreadState,
  itemAdded,
  itemDone,
  progressUpdate,
  reduceThread,
  selectItems,
  type ThreadStreamEvent,
  textDelta,
} from '@chatkit/core';
import { createOrderChecker } from '@chatkit/core/order';
import { forEach, pipe, pushable } from '@chatkit/stream';
import { createVirtualClock } from '@chatkit/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type SmoothTextOptions, smoothText, streamTextResponse } from '../src/text/index.ts';
import { thread } from './scripted-run.ts';

type Arrival = readonly [at: number, event: ThreadStreamEvent];

/** Plays events to a reader that takes them at once. */
const play = async (arrivals: readonly Arrival[], options: SmoothTextOptions = {}): Promise<Arrival[]> => {
  const clock = createVirtualClock();
  const source = pushable<ThreadStreamEvent>({ capacity: Number.POSITIVE_INFINITY });
  const seen: Arrival[] = [];
  const reading = pipe(
    smoothText(source, { ...options, clock }),
    forEach((event) => void seen.push([clock.now(), event])),
  );
  for (const [at, event] of arrivals) {
    await clock.advance(at - clock.now());
    source.push(event);
  }
  await clock.advance(0);
  source.end();
  await clock.advance(1000);
  await reading;
  expect(clock.pending).toBe(0);
  return seen;
};

const message = assistantMessage({ thread_id: thread.id, id: 'msg_1' });
const burst = 'Backpressure is what a slow reader does to a fast writer. '.repeat(4);
const eventsOf = (arrivals: readonly Arrival[]) => arrivals.map(([, event]) => event);
const shownBy = (events: readonly ThreadStreamEvent[]) => {
  const state = events.reduce(reduceThread, emptyThreadState);
  return { items: selectItems(state), progress: state.progress };
};
const deltaOf = (event: ThreadStreamEvent) =>
  event.type === 'thread.item.updated' && 'delta' in event.update ? event.update.delta : undefined;

test('a burst becomes a flow of whole words, none later than the lag', async () => {
  const seen = await play([
    [0, itemAdded(message)],
    [0, textDelta(message.id, burst)],
    [1000, itemDone(message)],
  ]);
  const pieces = seen.filter(([, event]) => deltaOf(event) !== undefined);
  expect(pieces.length).toBeGreaterThan(8);
  expect(pieces[0]?.[0]).toBe(0);
  expect(pieces.at(-1)?.[0]).toBeLessThanOrEqual(250);
  expect(pieces.map(([, event]) => deltaOf(event)).join('')).toBe(burst);
  // No cut between two letters.
  let end = 0;
  for (const [, event] of pieces.slice(0, -1)) {
    end += deltaOf(event)?.length ?? 0;
    expect(burst.slice(end - 1, end + 1)).not.toMatch(/\w\w/);
  }
});

test('any other event lets out the text before it, at once', async () => {
  const done = itemDone(assistantMessage({ ...message, content: undefined, text: burst }));
  const seen = await play([
    [0, itemAdded(message)],
    [0, textDelta(message.id, burst)],
    [20, progressUpdate('Reading…')],
    [20, textDelta(message.id, burst)],
    [30, done],
  ]);
  const at = (type: string) => seen.findIndex(([, event]) => event.type === type);
  expect(seen[at('progress_update')]?.[0]).toBe(20);
  const before = eventsOf(seen.slice(0, at('progress_update')));
  expect(before.map(deltaOf).join('')).toBe(burst);
  expect(seen.at(-1)).toEqual([30, done]);
});

test('law: what is shown in the end, and the order, are those of the events as they came', async () => {
  const anyText = fc.string({ unit: 'grapheme', maxLength: 60 });
  const anyStep = fc.oneof(
    { weight: 6, arbitrary: fc.record({ part: fc.nat(1), delta: anyText, waitMs: fc.nat(300) }) },
    { weight: 1, arbitrary: fc.record({ progress: anyText, waitMs: fc.nat(300) }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { maxLength: 12 }), fc.constantFrom('word', 'grapheme'), async (steps, unit) => {
      let at = 0;
      const twoParts = { ...message, content: [0, 1].map(() => ({ type: 'output_text', text: '', annotations: [] })) };
      const arrivals: Arrival[] = [[0, itemAdded(twoParts as typeof message)]];
      for (const step of steps) {
        at += step.waitMs;
        arrivals.push([
          at,
          'delta' in step ? textDelta(message.id, step.delta, step.part) : progressUpdate(step.progress),
        ]);
      }
      const seen = eventsOf(await play(arrivals, { unit }));
      expect(shownBy(seen)).toEqual(shownBy(eventsOf(arrivals)));
      const checker = createOrderChecker();
      expect(seen.map((event) => checker.check(event)).filter((each) => each !== undefined)).toEqual([]);
      // Taken without the text, nothing has moved.
      const others = (events: readonly ThreadStreamEvent[]) => events.filter((event) => deltaOf(event) === undefined);
      expect(others(seen)).toEqual(others(eventsOf(arrivals)));
    }),
    { numRuns: 60 },
  );
});

test('an error comes behind the text before it, and leaving closes the model', async () => {
  let isClosed = false;
  async function* model() {
    try {
      yield burst;
      throw new Error('overloaded');
    } finally {
      isClosed = true;
    }
  }
  const seen: ThreadStreamEvent[] = [];
  const reading = pipe(
    smoothText(streamTextResponse(thread, model())),
    forEach((event) => void seen.push(event)),
  );
  await expect(reading).rejects.toThrow('overloaded');
  expect(seen.map(deltaOf).join('')).toBe(burst);
  expect(isClosed).toBe(true);

  isClosed = false;
  for await (const event of smoothText(streamTextResponse(thread, model()))) if (deltaOf(event) !== undefined) break;
  expect(isClosed).toBe(true);
});

test('a model that is slow is not held up', async () => {
  const words = burst.match(/\S+ /g) ?? [];
  const arrivals = words.map((word, nth): Arrival => [nth * 100, textDelta(message.id, word)]);
  const seen = await play([[0, itemAdded(message)], ...arrivals]);
  const said = (at: number) => seen.map(([when, event]) => (when <= at ? (deltaOf(event) ?? '') : '')).join('');
  // A blank waits for a mark that would go with it, and words keep a pace; neither makes the next word late.
  for (const nth of words.keys())
    expect(said(nth * 100 + 50)).toContain(
      words
        .slice(0, nth + 1)
        .join('')
        .trimEnd(),
    );
});
