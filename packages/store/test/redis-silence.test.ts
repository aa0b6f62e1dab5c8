// A Redis that is slow or says nothing, as a client whose answers the test gives: nobody waits for ever.
import { textDelta } from '@chatkit/core';
import { afterEach, beforeEach, describe, expect, it, test, vi } from 'vitest';
import { createRedisLease, createRedisLog, type NodeRedisClient } from '../src/redis/index.ts';

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

test('appends wait for a connection for as long as the log says; calls of the lease as long as the client says', async () => {
  const options: [string, unknown][] = [];
  const client: NodeRedisClient = {
    ...clientOf([]),
    sendCommand(args, given) {
      options.push([args[1]?.includes('local writer') ? 'append' : 'other', given]);
      return never();
    },
  };
  const log = createRedisLog({ client });
  void createRedisLease({ client })
    .find('run')
    .catch(() => {});
  void log.append('run', [{ offset: '1-1', end: 'completed' }]);
  await vi.advanceTimersByTimeAsync(10);
  expect(options).toEqual([
    ['other', undefined],
    ['append', { timeout: undefined }],
  ]);
  await log.close();
});

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

describe('a run of this process that is silent', () => {
  it('can be read again when Redis is back, although its readers had been given up', async () => {
    let isAway = false;
    const answers = () => {
      const [created, appended, page] = [
        async () => 1,
        async () => [],
        async () => (isAway ? never() : ['1-1', '', [], '']),
      ];
      return [created, appended, ...Array.from({ length: 100 }, () => page)];
    };
    const log = createRedisLog({ client: clientOf(answers()), checkMs: 100, unreachableMs: 1_000 });
    await log.create('run');
    log.append('run', [{ offset: '1-1', event: textDelta('msg', 'a') }]);
    const reader = log.read('run')[Symbol.asyncIterator]();
    await reader.next();
    isAway = true;
    const reading = outcomeOf(reader.next());
    await vi.advanceTimersByTimeAsync(5_000);
    expect(reading).toEqual({ code: 'internal' });
    isAway = false;
    expect((await log.read('run')[Symbol.asyncIterator]().next()).value).toMatchObject({ offset: '1-1' });
    await log.close();
  });
});

describe('a log that is closed', () => {
  it('fails later readers', async () => {
    const log = createRedisLog({ client: clientOf([async () => ['', '', [], '']]) });
    await log.close();
    const reading = outcomeOf(log.read('run')[Symbol.asyncIterator]().next());
    await vi.advanceTimersByTimeAsync(60_000);
    expect(reading).toEqual({ code: 'server.closing' });
  });

  it('fails what Redis never confirms, and leaves no timer behind', async () => {
    const client = { ...clientOf([]), sendCommand: () => Promise.reject(new Error('The client is closed')) };
    const log = createRedisLog({ client, unreachableMs: 1_000 });
    const ending = outcomeOf(log.append('run', [{ offset: '1-1', end: 'completed' }]) as Promise<void>);
    await log.close();
    await vi.advanceTimersByTimeAsync(3_000);
    expect(ending).toEqual({ code: 'internal' });
    expect(vi.getTimerCount()).toBe(0);
  });
});

test('with an unreachableMs of Infinity, calls wait', async () => {
  const client = clientOf([() => after(60_000, 1), () => after(60_000, null)]);
  const creating = outcomeOf(createRedisLog({ client, unreachableMs: Number.POSITIVE_INFINITY }).create('run'));
  const finding = outcomeOf(createRedisLease({ client, unreachableMs: Number.POSITIVE_INFINITY }).activeIn('thread'));
  await vi.advanceTimersByTimeAsync(60_000);
  expect([creating, finding]).toEqual([{ code: 'done' }, { code: 'done' }]);
});

describe('a command that Redis refuses for now', () => {
  const claim = { runId: 'run', threadId: 'thread', resumable: true };
  const refusing = (text: string) => async () => {
    throw new Error(text);
  };
  const granted = async () => [1, ['run', 'thread', '1', '1', '', ''], 0];

  it.each(['READONLY You can’t write', 'ERR Error running script: -LOADING Redis is loading', 'BUSY Redis is busy'])(
    'is sent again (%s)',
    async (text) => {
      const lease = createRedisLease({ client: clientOf([refusing(text), refusing(text), granted]) });
      const answer = outcomeOf(lease.acquire(claim));
      await vi.advanceTimersByTimeAsync(250);
      expect(answer).toEqual({ code: 'done' });
      expect(vi.getTimerCount()).toBe(0);
    },
  );

  it('fails in the end, for the reason that Redis gave', async () => {
    const answers = Array.from({ length: 100 }, () => refusing('READONLY No.'));
    const lease = createRedisLease({ client: clientOf(answers), unreachableMs: 3_000 });
    const failed = expect(lease.acquire(claim)).rejects.toMatchObject({
      code: 'internal',
      retryable: true,
      cause: { message: 'READONLY No.' },
    });
    await vi.advanceTimersByTimeAsync(3_000);
    await failed;
    expect(answers.length).toBeLessThan(75);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is not sent any more once it has failed, even if the last refusal comes later', async () => {
    const late = () => after(250, '').then(refusing('READONLY No.'));
    const answers = Array.from({ length: 100 }, () => late);
    const lease = createRedisLease({ client: clientOf(answers), unreachableMs: 3_000 });
    const outcome = outcomeOf(lease.acquire(claim));
    await vi.advanceTimersByTimeAsync(3_000);
    expect(outcome).toEqual({ code: 'internal' });
    const { length } = answers;
    await vi.advanceTimersByTimeAsync(2_000);
    expect(answers).toHaveLength(length);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is told from one that Redis refuses for good', async () => {
    const lease = createRedisLease({ client: clientOf([refusing('WRONGTYPE Operation'), granted]) });
    await expect(lease.acquire(claim)).rejects.toThrow('WRONGTYPE');
  });
});

describe('a command whose answer never comes', () => {
  const unreachableMs = 3_000;
  const claim = { runId: 'run', threadId: 'thread', resumable: true };
  const held = { ...claim, epoch: 1 };
  const log = () => createRedisLog({ client: clientOf([]), unreachableMs });
  const lease = () => createRedisLease({ client: clientOf([]), unreachableMs });

  it.each<[string, () => Promise<unknown>]>([
    ['create', () => log().create('run')],
    ['delete', () => log().delete('run')],
    ['read', () => log().read('run')[Symbol.asyncIterator]().next()],
    ['append', async () => log().append('run', [{ offset: '1-1', end: 'completed' }])],
    ['acquire', () => lease().acquire(claim)],
    ['queue', () => lease().queue(claim, 'machine')],
    ['leave', () => lease().leave(claim, 'machine')],
    ['renew', () => lease().renew(held)],
    ['release', () => lease().release(held)],
    ['find', () => lease().find('run')],
    ['activeIn', () => lease().activeIn('thread')],
    ['requestStop', () => lease().requestStop('run', 'cancel')],
    ['reap', () => lease().reap()],
  ])('fails %s within its time, and leaves no timer behind', async (_, call) => {
    const outcome = outcomeOf(call());
    await vi.advanceTimersByTimeAsync(unreachableMs - 100);
    expect(outcome).toEqual({});
    await vi.advanceTimersByTimeAsync(2_000);
    expect(outcome).toEqual({ code: 'internal' });
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is sent again if the connection that owes it is closed, as a silent one is', async () => {
    let opened = 0;
    const client: NodeRedisClient = {
      sendCommand: never,
      duplicate() {
        const isSilent = ++opened === 1;
        let close = (_: Error): void => {};
        const closed = new Promise<never>((_, reject) => {
          close = reject;
        });
        closed.catch(() => {});
        return {
          ...clientOf([]).duplicate(),
          sendCommand: () => (isSilent ? closed : after(0, 1)),
          destroy: () => close(new Error('The client is closed')),
        };
      },
    };
    const log = createRedisLog({ client });
    const first = outcomeOf(log.create('a'));
    await vi.advanceTimersByTimeAsync(2_500);
    // By then the first connection is given up, and the second is silent as well.
    const second = outcomeOf(log.create('b'));
    await vi.advanceTimersByTimeAsync(4_500);
    expect([first, second]).toEqual([{ code: 'done' }, { code: 'done' }]);
    await log.close();
  });

  it('leaves no timer behind when it comes', async () => {
    const client = clientOf([() => after(10, 1)]);
    const creating = outcomeOf(createRedisLog({ client }).create('run'));
    await vi.advanceTimersByTimeAsync(10);
    expect(creating).toEqual({ code: 'done' });
    expect(vi.getTimerCount()).toBe(0);
  });
});
