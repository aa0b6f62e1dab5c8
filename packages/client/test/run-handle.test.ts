import {
  assistantMessage,
  emptyThreadState,
  isTextDelta,
  itemAdded,
  itemDone,
  reduceThread,
  selectItems,
  type ThreadStreamEvent,
  textDelta,
} from '@chatkit/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRunHandle } from '../src/run-handle.ts';

const message = (id: string) =>
  assistantMessage({ id, thread_id: 'thr_1', created_at: '2026-01-01T00:00:00Z', text: '' });
const stateAfter = (events: readonly ThreadStreamEvent[]) => selectItems(events.reduce(reduceThread, emptyThreadState));
const rest = async (iterator: AsyncIterator<ThreadStreamEvent>) => {
  const events: ThreadStreamEvent[] = [];
  for (let next = await iterator.next(); !next.done; next = await iterator.next()) events.push(next.value);
  return events;
};

describe('an iteration of a run', () => {
  const piece = fc.oneof(
    {
      weight: 20,
      arbitrary: fc
        .tuple(fc.constantFrom('a', 'b'), fc.constantFrom('x', 'yy', 'ü'))
        .map(([id, text]) => textDelta(id, text)),
    },
    { weight: 1, arbitrary: fc.constantFrom('a', 'b').map((id) => itemAdded(message(id))) },
    { weight: 1, arbitrary: fc.constantFrom('a', 'b').map((id) => itemDone(message(id))) },
  );
  const batch = fc.tuple(fc.array(piece, { maxLength: 5 }), fc.constantFrom(1, 1, 1, 3000), fc.nat(1000));

  it('that is behind is given neighbouring text as one delta, and comes to the same', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(batch, { maxLength: 8 }), async (batches) => {
        const { run, push, settle } = createRunHandle('run_1');
        const iterator = run[Symbol.asyncIterator]();
        const sent: ThreadStreamEvent[] = [itemAdded(message('a')), itemAdded(message('b'))];
        const read: ThreadStreamEvent[] = [];
        push(sent);
        for (const [events, times, taken] of batches) {
          const many = Array.from({ length: times }, () => events).flat();
          push(many);
          sent.push(...many);
          for (let n = Math.min(taken, many.length); n > 0; n--)
            read.push((await iterator.next()).value as ThreadStreamEvent);
        }
        settle('completed', 'end');
        read.push(...(await rest(iterator)));
        expect(stateAfter(read)).toEqual(stateAfter(sent));
        const others = (events: ThreadStreamEvent[]) => events.filter((event) => !isTextDelta(event));
        expect(others(read)).toEqual(others(sent));
      }),
      { numRuns: 30 },
    );
  });

  it('that does not read holds the text and no more', async () => {
    const { run, push, settle } = createRunHandle('run_1');
    const iterator = run[Symbol.asyncIterator]();
    for (let n = 0; n < 200_000; n++) push([textDelta('a', 'word ')]);
    settle('completed', 'end');
    const events = await rest(iterator);
    expect(events.length).toBeLessThan(2000);
    expect(events.map((event) => (isTextDelta(event) ? event.update.delta : '')).join('')).toBe(
      'word '.repeat(200_000),
    );
  });

  it('that keeps up is given every event as it is', async () => {
    const { run, push, settle } = createRunHandle('run_1');
    const iterator = run[Symbol.asyncIterator]();
    for (let n = 0; n < 5000; n++) {
      const events = [textDelta('a', 'one '), textDelta('a', 'two ')];
      push(events);
      for (const event of events) expect((await iterator.next()).value).toBe(event);
    }
    settle('completed', 'end');
    expect(await rest(iterator)).toEqual([]);
  });

  it('throws once why the run was lost, and is over then', async () => {
    const { run, settle } = createRunHandle('run_1');
    const iterator = run[Symbol.asyncIterator]();
    settle('interrupted', 'drop', new Error('lost'));
    await expect(iterator.next()).rejects.toThrow('lost');
    expect(await iterator.next()).toEqual({ value: undefined, done: true });
  });

  it('that is left while it waits for an event waits no longer', async () => {
    const iterator = createRunHandle('run_1').run[Symbol.asyncIterator]();
    const next = iterator.next();
    await iterator.return?.();
    expect(await next).toEqual({ value: undefined, done: true });
  });
});
