import type { RunLease, RunRecord } from '@chatkit/core';
import { createVirtualClock } from '@chatkit/testing';
import { describe, expect, test } from 'vitest';
import { keepLease } from '../src/lease-keeper.ts';
import { createLocalLease } from '../src/local-lease.ts';

const record: RunRecord = { runId: 'r', threadId: 't', resumable: true, epoch: 1 };

const keeping = (renew: RunLease['renew'], ttlMs = 900) => {
  const clock = createVirtualClock();
  const seen: string[] = [];
  const keeper = keepLease({
    lease: { ...createLocalLease(), ttlMs, renew },
    record,
    since: clock.now(),
    clock,
    onStop: (cause) => seen.push(`stop ${cause}`),
    onLost: () => seen.push('lost'),
  });
  return { clock, keeper, seen };
};

describe('a lease', () => {
  test('is renewed at a third of its length, for as long as it is kept', async () => {
    let renewals = 0;
    const { clock, keeper, seen } = keeping(async () => {
      renewals += 1;
      return { held: true };
    });
    await clock.advance(9_000);
    expect(renewals).toBe(30);
    expect(keeper.isHeld()).toBe(true);
    keeper.end();
    expect(clock.pending).toBe(0);
    expect(seen).toEqual([]);
  });

  test('is lost at once when a renewal is refused, and that is told once', async () => {
    const { clock, keeper, seen } = keeping(async () => ({ held: false }));
    await clock.advance(299);
    expect(seen).toEqual([]);
    await clock.advance(5_000);
    expect(seen).toEqual(['lost']);
    expect(keeper.isHeld()).toBe(false);
    keeper.end();
    expect(clock.pending).toBe(0);
  });

  test.each<[string, RunLease['renew']]>([
    ['fail', () => Promise.reject(new Error('no route'))],
    ['hang', () => new Promise(() => {})],
  ])('is lost at its end, not before, when renewals %s', async (_, renew) => {
    const { clock, keeper, seen } = keeping(renew);
    await clock.advance(899);
    expect([keeper.isHeld(), seen]).toEqual([true, []]);
    await clock.advance(1);
    expect([keeper.isHeld(), seen]).toEqual([false, ['lost']]);
    expect(clock.pending).toBe(0);
  });

  test('counts from when a renewal was asked for, not from when it was answered', async () => {
    let calls = 0;
    const clock = createVirtualClock();
    const seen: number[] = [];
    keepLease({
      lease: {
        ...createLocalLease(),
        ttlMs: 900,
        renew: () => (++calls === 1 ? clock.sleep(500).then(() => ({ held: true })) : new Promise(() => {})),
      },
      record,
      since: clock.now(),
      clock,
      onStop() {},
      onLost: () => seen.push(clock.now()),
    });
    await clock.advance(5_000);
    // Asked at 300, answered at 800: held until 1,200.
    expect(seen).toEqual([1_200]);
  });

  test('survives renewals that fail, if one succeeds in time', async () => {
    let calls = 0;
    const { clock, keeper, seen } = keeping(async () => {
      calls += 1;
      if (calls % 2 === 1) throw new Error('flaky');
      return { held: true };
    });
    await clock.advance(10_000);
    expect([keeper.isHeld(), seen]).toEqual([true, []]);
  });

  test('brings a stop whose message was lost', async () => {
    const { clock, seen } = keeping(async () => ({ held: true, stop: 'superseded' }));
    await clock.advance(300);
    expect(seen).toEqual(['stop superseded']);
  });

  test('of a process that is alone is held for ever, without a timer', async () => {
    const { clock, keeper } = keeping(createLocalLease().renew, Number.POSITIVE_INFINITY);
    await clock.advance(1e9);
    expect([keeper.isHeld(), clock.pending]).toEqual([true, 0]);
  });
});
