// A Redis that is slow or says nothing, as a client whose answers the test gives: nobody waits for ever.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createRedisLog, type NodeRedisClient } from '../src/redis/index.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const never = (): Promise<never> => new Promise(() => {});
const after = <T>(ms: number, answer: T): Promise<T> => new Promise((done) => setTimeout(done, ms, answer));
/** Answers scripts in their order, and nothing to the connection that blocks. */
const clientOf = (answers: (() => Promise<unknown>)[]): NodeRedisClient => ({
  sendCommand: ([name = '']) => (name.startsWith('EVAL') ? (answers.shift() ?? never)() : after(0, '0-0')),
  duplicate: () => ({
    sendCommand: never,
    connect: async () => {},
    subscribe: async () => {},
    on() {},
    destroy() {},
  }),
});
const outcomeOf = (work: Promise<unknown>): { code?: unknown } => {
  const outcome: { code?: unknown } = {};
  work.then(
    () => Object.assign(outcome, { code: 'done' }),
    (error) => Object.assign(outcome, { code: error.code }),
  );
  return outcome;
};

describe('a reader elsewhere', () => {
  // The page comes in after the watch has looked several times, the run is forgotten before it looks again.
  it('hears that its run is gone, however late its first page came', async () => {
    const page = ['', '', [], ''];
    const client = clientOf([() => after(350, page), async () => null]);
    const log = createRedisLog({ client, checkMs: 100 });
    const reading = outcomeOf(log.read('run')[Symbol.asyncIterator]().next());
    await vi.advanceTimersByTimeAsync(1_000);
    expect(reading).toEqual({ code: 'log.expired' });
    await log.close();
  });
});
