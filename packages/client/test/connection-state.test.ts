import { ChatKitError } from '@chatkit/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffMs, type ConnectionPolicy, defaultPolicy } from '../src/connection-policy.ts';
import {
  type ConnectionSignal,
  type ConnectionState,
  deadlineOf,
  initialConnection,
  nextConnection,
} from '../src/connection-state.ts';
import { connectionStatus } from '../src/connection-status.ts';

const policy: ConnectionPolicy = { ...defaultPolicy, repeatable: true };

const play = (signals: readonly ConnectionSignal[], from = initialConnection(0, 'unanswered'), by = policy) =>
  signals.reduce((state, signal) => nextConnection(state, signal, by), from);

const opened = (at: number, reach: 'resumable' | 'plain' = 'resumable'): ConnectionSignal => ({
  type: 'opened',
  at,
  reach,
});
const failed = (at: number, jitter = 1, notBeforeMs?: number): ConnectionSignal => ({
  type: 'failed',
  at,
  jitter,
  notBeforeMs,
});
const tick = (at: number): ConnectionSignal => ({ type: 'tick', at, jitter: 1 });
const woken = (at: number, by: 'online' | 'visible' | 'restored'): ConnectionSignal => ({ type: 'woken', at, by });

const signal: fc.Arbitrary<ConnectionSignal> = fc.oneof(
  fc.record({
    type: fc.constant('opened' as const),
    at: fc.nat(),
    reach: fc.constantFrom('resumable', 'plain'),
    heartbeatMs: fc.option(fc.integer({ min: 100, max: 600_000 }), { nil: undefined }),
  }),
  fc.record({ type: fc.constant('heard' as const), at: fc.nat(), events: fc.nat(3) }),
  fc.record({ type: fc.constant('retry' as const), ms: fc.nat() }),
  fc.constant({ type: 'numbered' as const }),
  fc.record({ type: fc.constant('failed' as const), at: fc.nat(), jitter: fc.double({ min: 0, max: 1, noNaN: true }) }),
  fc.record({ type: fc.constant('tick' as const), at: fc.nat(), jitter: fc.double({ min: 0, max: 1, noNaN: true }) }),
  fc.record({
    type: fc.constant('woken' as const),
    at: fc.nat(),
    by: fc.constantFrom('online', 'visible', 'restored'),
  }),
  fc.record({
    type: fc.constant('handedOver' as const),
    at: fc.nat(),
    jitter: fc.double({ min: 0, max: 1, noNaN: true }),
    withinMs: fc.option(fc.nat(), { nil: undefined }),
  }),
  fc.constant({ type: 'left' as const }),
  fc.constant({ type: 'closed' as const, reason: 'gone' as const }),
  fc.constant({ type: 'closed' as const, reason: 'end' as const, outcome: 'completed' as const }),
  fc.constant({
    type: 'closed' as const,
    reason: 'refused' as const,
    error: new ChatKitError('thread.locked', 'Locked.'),
  }),
  fc.record({ type: fc.constant('closed' as const), reason: fc.constantFrom('stop', 'detach', 'navigate') }),
) as fc.Arbitrary<ConnectionSignal>;

describe('laws of the connection', () => {
  it('nothing follows the end', () => {
    fc.assert(
      fc.property(fc.array(signal), fc.array(signal), (before, after) => {
        const state = play(before);
        fc.pre(state.phase === 'closed');
        expect(play(after, state)).toBe(state);
      }),
    );
  });

  it('neither bytes nor a failure count where no request is going on', () => {
    fc.assert(
      fc.property(fc.array(signal), fc.nat(), fc.nat(3), (signals, at, events) => {
        const state = play(signals);
        fc.pre(state.phase !== 'connecting' && state.phase !== 'open');
        for (const late of [{ type: 'heard' as const, at, events }, failed(at)])
          expect(play([late], state)).toBe(state);
      }),
    );
  });

  it('a request is made anew only under a new number, and numbers never go back', () => {
    fc.assert(
      fc.property(fc.array(signal), (signals) => {
        let state = initialConnection(0, 'unanswered');
        for (const each of signals) {
          const next = nextConnection(state, each, policy);
          if (next.phase === 'closed') break;
          if (state.phase !== 'closed') {
            const asksAgain = next.phase === 'connecting' && next !== state && next.attempt !== state.attempt;
            expect(next.attempt - state.attempt).toBe(asksAgain ? 1 : 0);
          }
          state = next;
        }
      }),
    );
  });

  it('a server that cannot resume is asked once', () => {
    fc.assert(
      fc.property(fc.array(signal.filter(({ type }) => type !== 'numbered')), (signals) => {
        const isResumable = (each: ConnectionSignal) => each.type === 'opened' && each.reach === 'resumable';
        const state = play(
          signals.filter((each) => !isResumable(each)),
          initialConnection(0, 'unanswered'),
          { ...policy, repeatable: false },
        );
        expect(state.phase === 'closed' || state.attempt === 1).toBe(true);
      }),
    );
  });

  it('a tick at the time that it was asked for is never too early, however finely the clock counts', () => {
    const moment = fc.double({ min: 0, max: 2 ** 41, noNaN: true });
    fc.assert(
      fc.property(moment, moment, fc.integer({ min: 100, max: 600_000 }), (since, later, heartbeatMs) => {
        const asking = initialConnection(since, 'unanswered');
        const open = play(
          [
            { type: 'opened', at: since, reach: 'resumable', heartbeatMs },
            { type: 'heard', at: since + later, events: 1 },
          ],
          asking,
        );
        for (const state of [asking, open, play([failed(later, 0.3)], asking)]) {
          const due = deadlineOf(state, policy) ?? Number.NaN;
          expect(play([tick(due)], state)).not.toBe(state);
          expect(deadlineOf(play([tick(due)], state), policy)).toBeGreaterThan(due);
        }
      }),
    );
  });

  it('a wait lasts from the floor to the cap, whatever the server says', () => {
    fc.assert(
      fc.property(
        fc.nat(100),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.option(fc.nat(), { nil: undefined }),
        (failures, jitter, retryMs) => {
          const delay = backoffMs(failures, jitter, policy, retryMs);
          expect(delay).toBeGreaterThanOrEqual(policy.floorMs);
          expect(delay).toBeLessThanOrEqual(60_000);
        },
      ),
    );
    expect(backoffMs(0, 1, policy, 3_000_000_000)).toBe(60_000);
    expect(backoffMs(0, 0, policy, undefined, 7_000)).toBe(7_000);
    expect(backoffMs(0, 0, policy, undefined, 10 ** 9)).toBe(60 * 60_000);
    expect(backoffMs(0, 0.5, policy, undefined, 7_000)).toBe(7_250);
  });

  it('no news of the page has a server asked before the time that it named', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer({ min: 1, max: 10_000_000 }),
        fc.array(fc.tuple(fc.nat(4_000_000), fc.constantFrom('online' as const, 'visible' as const)), { maxLength: 8 }),
        (jitter, notBeforeMs, news) => {
          const from = play([failed(0, jitter, notBeforeMs)]);
          for (const [at, by] of news.sort(([a], [b]) => a - b)) {
            const state = play([woken(at, by)], from);
            if (at < Math.min(notBeforeMs, 3_600_000)) expect(state.phase).toBe('waiting');
          }
        },
      ),
    );
  });

  it.each([undefined, 20_000])(
    'a thousand clients come back spread over the window (Retry-After: %s)',
    (notBeforeMs) => {
      const buckets = new Array<number>(10).fill(0);
      let seed = 1;
      const random = () => {
        seed = (seed * 48_271) % 2_147_483_647;
        return seed / 2_147_483_647;
      };
      for (let client = 0; client < 1_000; client += 1) {
        const delay = backoffMs(5, random(), policy, undefined, notBeforeMs) - (notBeforeMs ?? 0);
        const bucket = Math.min(9, Math.floor(delay / 1_600));
        buckets[bucket] = (buckets[bucket] ?? 0) + 1;
      }
      expect(Math.max(...buckets)).toBeLessThan(200);
    },
  );
});

describe('the connection', () => {
  const cases: [string, readonly ConnectionSignal[], Partial<ConnectionState> | Record<string, unknown>][] = [
    ['waits after a failure', [failed(0)], { phase: 'waiting', failures: 1, until: 500 }],
    ['waits longer after each', [failed(0), tick(500), failed(500)], { phase: 'waiting', failures: 2, until: 1_500 }],
    ['asks when the wait is over', [failed(0), tick(500)], { phase: 'connecting', attempt: 2 }],
    ['not before', [failed(0), tick(499)], { phase: 'waiting' }],
    ['obeys retry', [opened(0), { type: 'retry', ms: 4_000 }, failed(1)], { phase: 'waiting', until: 4_001 }],
    ['obeys Retry-After', [failed(0, 0, 9_000)], { phase: 'waiting', until: 9_000 }],
    ['and comes back some time behind it', [failed(0, 1, 9_000)], { phase: 'waiting', until: 9_500 }],
    ['counts on when it was short', [failed(0), tick(500), opened(600), failed(700)], { failures: 2, downSince: 0 }],
    [
      'starts over when it lasted',
      [failed(0), tick(500), opened(600), failed(5_600)],
      { failures: 1, downSince: 5_600 },
    ],
    [
      'does not call it health that nobody noticed the silence',
      [failed(0), tick(500), opened(600), { type: 'heard', at: 700, events: 1 }, tick(38_200)],
      { phase: 'waiting', failures: 2, downSince: 0 },
    ],
    [
      'but starts over when bytes came for a while before it',
      [failed(0), tick(500), opened(600), { type: 'heard', at: 6_000, events: 0 }, tick(43_500)],
      { phase: 'waiting', failures: 1, downSince: 43_500 },
    ],
    [
      'gives up when its budget is spent',
      [failed(0, 1, 299_000), tick(299_500), failed(300_000)],
      { phase: 'closed', reason: 'drop' },
    ],
    [
      'does not count the time that it slept while it waited',
      [failed(0), tick(9e6), failed(9e6 + 1)],
      { phase: 'waiting' },
    ],
    ['nor that it slept while it asked', [failed(0), tick(500), failed(9e6)], { phase: 'waiting' }],
    ['nor that it slept through a timeout', [failed(0), tick(500), tick(9e6)], { phase: 'waiting' }],
    ['takes silence for death', [opened(0), tick(37_500)], { phase: 'waiting' }],
    [
      'not when bytes came',
      [opened(0), { type: 'heard', at: 30_000, events: 0 }, tick(37_500)],
      { phase: 'open', silent: true },
    ],
    [
      'hears the assistant again',
      [opened(0), { type: 'heard', at: 15_000, events: 0 }, { type: 'heard', at: 15_001, events: 1 }],
      { phase: 'open', silent: false },
    ],
    [
      'says nothing of a silence that no heartbeat broke',
      [opened(0), { type: 'heard', at: 5, events: 0 }, tick(37_000)],
      { phase: 'open', silent: false },
    ],
    [
      'counts a silence from the last event, however often a heartbeat comes in it',
      [opened(0), { type: 'heard', at: 5_000, events: 0 }, { type: 'heard', at: 10_000, events: 0 }],
      { phase: 'open', silent: true },
    ],
    [
      'and not from one before that',
      [opened(0), { type: 'heard', at: 9_000, events: 1 }, { type: 'heard', at: 12_000, events: 0 }],
      { phase: 'open', silent: false },
    ],
    ['does not judge a quiet server of the reference', [opened(0, 'plain'), tick(10 ** 7)], { phase: 'open' }],
    ['gives up headers that do not come', [tick(20_000)], { phase: 'waiting' }],
    ['wakes when the network is back', [failed(0), woken(100, 'online')], { phase: 'connecting', attempt: 2 }],
    [
      'has its budget again then',
      [failed(0), woken(299_999, 'visible'), failed(300_000)],
      { phase: 'waiting', downSince: 299_999 },
    ],
    [
      'but not before the server said, and then without jitter',
      [failed(0, 1, 9_000), woken(100, 'online')],
      { phase: 'waiting', until: 9_000 },
    ],
    ['and then at once', [failed(0, 1, 9_000), woken(9_100, 'visible')], { phase: 'connecting', attempt: 2 }],
    ['leaves a stream alone that speaks', [opened(0), woken(900, 'online')], { phase: 'open' }],
    ['doubts a quiet one', [opened(0), woken(1_000, 'online')], { phase: 'connecting', attempt: 2 }],
    ['more patiently when only the tab came back', [opened(0), woken(1_000, 'visible')], { phase: 'open' }],
    ['rests while the page is away', [opened(0), { type: 'left' }, tick(10 ** 7)], { phase: 'suspended' }],
    ['stays where it could not be asked for again', [opened(0, 'plain'), { type: 'left' }], { phase: 'open' }],
    ['goes on when it is restored', [opened(0), { type: 'left' }, woken(10 ** 7, 'restored')], { phase: 'connecting' }],
    [
      'is over when it was stopped',
      [opened(0), { type: 'closed', reason: 'stop' }],
      { phase: 'closed', reason: 'stop' },
    ],
    [
      'learns from an offset that it can resume',
      [opened(0, 'plain'), { type: 'numbered' }, failed(1)],
      { phase: 'waiting', reach: 'resumable' },
    ],
  ];
  it.each(cases)('%s', (_, signals, expected) => {
    expect(play(signals)).toMatchObject(expected);
  });

  it('names the time that it wants to be asked at', () => {
    expect(deadlineOf(initialConnection(5, 'unanswered'), policy)).toBe(20_005);
    expect(deadlineOf(initialConnection(5, 'unanswered'), { ...policy, repeatable: false })).toBe(120_005);
    expect(deadlineOf(play([opened(5)]), policy)).toBe(37_505);
    expect(deadlineOf(play([opened(5, 'plain')]), policy)).toBeUndefined();
    expect(deadlineOf(play([failed(0)]), policy)).toBe(500);
    expect(deadlineOf(play([{ type: 'closed', reason: 'gone' }]), policy)).toBeUndefined();
  });
});

describe('a connection that is handed over', () => {
  const handedOver = (at: number): ConnectionSignal => ({ type: 'handedOver', at, jitter: 1 });

  it('is made anew at once, as if nothing had happened', () => {
    const state = play([opened(0), failed(1), tick(2000), opened(2000), handedOver(602_000)]);
    expect(state).toMatchObject({
      phase: 'connecting',
      handedOver: { eventAt: 2000, silent: false },
      failures: 0,
      downSince: undefined,
    });
    expect(connectionStatus(state)).toBe('live');
    const lost = play([failed(603_000)], state);
    expect(lost).toMatchObject({ phase: 'waiting', failures: 1 });
    expect('handedOver' in lost).toBe(false);
    const again = play([opened(602_100)], state);
    expect(again).toMatchObject({ phase: 'open', eventAt: 2000, silent: false });
    expect('handedOver' in again).toBe(false);
  });

  it('waits a part of the time that the server asks for, as if nothing had happened', () => {
    const between = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.nat(), between, fc.boolean(), (withinMs, jitter, isEarly) => {
        const thinking: ConnectionSignal = { type: 'heard', at: 600_000, events: 0 };
        const state = play([opened(0), thinking, { type: 'handedOver', at: 602_000, jitter, withinMs }]);
        const due = deadlineOf(state, policy) ?? Number.NaN;
        const until = 602_000 + jitter * Math.min(withinMs, 60_000);
        if (until > 602_000) expect(state.phase).toBe('waiting');
        if (state.phase === 'waiting') expect(due).toBe(until);
        expect(connectionStatus(state)).toBe('silent');
        // News of the page cut the wait short.
        const asking =
          state.phase !== 'waiting' ? state : play([isEarly ? woken(602_000, 'online') : tick(due)], state);
        expect(asking).toMatchObject({ phase: 'connecting', attempt: 2, failures: 0 });
        expect(connectionStatus(asking)).toBe('silent');
        expect(play([opened(due)], asking)).toMatchObject({ phase: 'open', eventAt: 0, silent: true });
      }),
    );
  });

  it('stays silent if it was', () => {
    const state = play([opened(0), { type: 'heard', at: 20_000, events: 0 }, handedOver(30_000)]);
    expect(connectionStatus(state)).toBe('silent');
    expect(connectionStatus(play([opened(30_100)], state))).toBe('silent');
  });

  it('is over if its server cannot resume', () => {
    expect(play([opened(0, 'plain'), handedOver(602_000)])).toMatchObject({ phase: 'closed', reason: 'drop' });
  });

  it('counts as a failure when it was hardly there: no server makes a client ask in a loop', () => {
    expect(play([opened(0), handedOver(10)])).toMatchObject({ phase: 'waiting', failures: 1 });
  });
});
