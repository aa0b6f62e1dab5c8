// A connection that is silent is given up; one that is slow, or whose process had no turn, is not.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RedisPort } from '../src/redis/redis-client.ts';
import { createLifeline } from '../src/redis/redis-lifeline.ts';
import { limitRedisScript } from '../src/redis/redis-script.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const quietMs = 2_000;

/** A port whose answers the test gives; connection 0 is the client. */
const createFakePort = () => {
  const sent: { readonly to: number; readonly text: string; answer(): void }[] = [];
  const closed: number[] = [];
  let connections = 0;
  const commandsOf = (to: number) => (args: readonly string[]) =>
    new Promise<unknown>((resolve) => {
      sent.push({ to, text: args.join(' '), answer: () => resolve('OK') });
    });
  const port: RedisPort = {
    command: commandsOf(0),
    patientCommand: commandsOf(0),
    connect() {
      connections += 1;
      const name = connections;
      return { command: commandsOf(name), close: () => void closed.push(name) };
    },
    listen: () => ({ ping: async () => 'PONG', close() {} }),
  };
  const answer = async (text: string): Promise<void> => {
    for (const each of sent) if (each.text === text) each.answer();
    await vi.advanceTimersByTimeAsync(0);
  };
  return { port, closed, answer, list: () => sent.map(({ to, text }) => `${to} ${text}`) };
};
const start = () => {
  const fake = createFakePort();
  return { ...fake, lifeline: createLifeline(fake.port, { quietMs, unreachableMs: 10_000 }) };
};

describe('createLifeline', () => {
  it('keeps a connection that answers something, however late the rest is', async () => {
    const { lifeline, answer, list } = start();
    const sentAt = performance.now();
    void lifeline.command(['slow']);
    void lifeline.command(['quick']);
    await vi.advanceTimersByTimeAsync(5_000);
    await answer('quick');
    expect(lifeline.isLost(sentAt)).toBe(false);
    void lifeline.command(['next']);
    expect(list()).toEqual(['0 slow', '0 quick', '0 next']);
  });

  it('goes to a connection of its own while the client is silent, and back', async () => {
    const { lifeline, answer, list, closed } = start();
    const sentAt = performance.now();
    void lifeline.command(['lost']);
    await vi.advanceTimersByTimeAsync(quietMs);
    expect([lifeline.isLost(sentAt), lifeline.isLost(sentAt)]).toEqual([true, true]);
    const during = lifeline.command(['during']);
    await answer('PING');
    void lifeline.command(['after']);
    expect(list()).toEqual(['0 lost', '0 PING', '1 during', '0 after']);
    // What it owes comes yet.
    expect(closed).toEqual([]);
    await answer('during');
    expect(await during).toBe('OK');
    expect(closed).toEqual([1]);
  });

  it('gives its own connection up when that is silent too, and takes what it answers in the end', async () => {
    const { lifeline, answer, list, closed } = start();
    void lifeline.command(['lost']);
    await vi.advanceTimersByTimeAsync(quietMs);
    lifeline.isLost(0);
    await vi.advanceTimersByTimeAsync(1);
    const sentAt = performance.now();
    const slow = lifeline.command(['slow']);
    expect(lifeline.isLost(sentAt)).toBe(false);
    await vi.advanceTimersByTimeAsync(quietMs);
    expect(lifeline.isLost(sentAt)).toBe(true);
    void lifeline.command(['again']);
    expect(list()).toEqual(['0 lost', '0 PING', '1 slow', '2 again']);
    expect(closed).toEqual([]);
    await answer('slow');
    expect(await slow).toBe('OK');
    expect(closed).toEqual([1]);
    lifeline.close();
    expect(closed).toEqual([1, 2]);
  });
});

describe('connections of its own that were left', () => {
  const leave = async (kind: 'command' | 'patientCommand') => {
    const { lifeline, closed } = start();
    void lifeline.command(['lost']);
    for (let round = 0; round < 8; round += 1) {
      await vi.advanceTimersByTimeAsync(quietMs);
      lifeline.isLost(performance.now());
      void lifeline[kind](['owed']);
    }
    return closed;
  };

  it('are closed at once when all that they owe is sent again', async () => {
    expect(await leave('patientCommand')).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it('are closed when nobody waits any more for what they owe', async () => {
    expect(await leave('command')).toEqual([1, 2]);
  });
});

describe('limitRedisScript', () => {
  it('asks whether its answer is lost when it is overdue, and leaves no timer behind', async () => {
    const isLost = vi.fn(() => true);
    const script = () => new Promise((resolve) => setTimeout(resolve, 3_000, 'answer'));
    const limited = limitRedisScript(script, { unreachableMs: 10_000, lateMs: 2_000, isLost });
    const answer = limited([], []);
    await vi.advanceTimersByTimeAsync(1_999);
    expect(isLost).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await answer).toBe('answer');
    expect(isLost).toHaveBeenCalledTimes(1);
    expect(vi.getTimerCount()).toBe(0);
  });
});
