import { createVirtualClock } from '@chatkit/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

describe('createVirtualClock', () => {
  it('runs timers at their moment, in order, and those they set', async () => {
    const clock = createVirtualClock({ startMs: 100 });
    const seen: string[] = [];
    clock.setTimeout(() => seen.push(`b@${clock.now()}`), 20);
    clock.setTimeout(() => {
      seen.push(`a@${clock.now()}`);
      clock.setTimeout(() => seen.push(`c@${clock.now()}`), 10);
    }, 10);
    const cleared = clock.setTimeout(() => seen.push('never'), 15);
    clock.clearTimeout(cleared);
    await clock.advance(9);
    expect(seen).toEqual([]);
    await clock.advance(11);
    expect(seen).toEqual(['a@110', 'b@120', 'c@120']);
    expect(clock.now()).toBe(120);
    expect(clock.pending).toBe(0);
  });

  it('sleeps until its time or the abort, and leaves no timer behind', async () => {
    const clock = createVirtualClock();
    const slept = clock.sleep(50).then(() => clock.now());
    await clock.advance(60);
    expect(await slept).toBe(50);
    const abort = new AbortController();
    const broken = clock.sleep(50, abort.signal);
    abort.abort(new Error('stop'));
    await expect(broken).rejects.toThrow('stop');
    expect(clock.pending).toBe(0);
  });
});

/** What a timer does when its time has come: it may clear others by their number and set new ones. */
interface Plan {
  readonly delayMs: number;
  readonly clears: readonly number[];
  readonly sets: readonly Plan[];
}

const { plan } = fc.letrec<{ plan: Plan; leaf: Plan }>((tie) => ({
  leaf: fc.record({ delayMs: fc.nat(20), clears: fc.constant([]), sets: fc.constant([]) }),
  plan: fc.record({
    // Few different ones, so that many fall on one moment.
    delayMs: fc.nat(20),
    clears: fc.array(fc.nat(40), { maxLength: 2 }),
    sets: fc.array(fc.oneof({ depthSize: 'small' }, tie('leaf'), tie('plan')), { maxLength: 3 }),
  }),
}));

/** The same timers in the simplest way: of those that are left, the first of the soonest is next. */
const model = (plans: readonly Plan[], untilMs: number) => {
  const ran: [number, number][] = [];
  let set: { number: number; at: number; plan: Plan }[] = [];
  let count = 0;
  const add = (plan: Plan, now: number) => set.push({ number: count++, at: now + plan.delayMs, plan });
  for (const plan of plans) add(plan, 0);
  for (;;) {
    const due = Math.min(...set.map(({ at }) => at));
    const next = set.find(({ at }) => at === due);
    if (next === undefined || due > untilMs) return { ran, pending: set.length };
    set = set.filter((timer) => timer !== next && !next.plan.clears.includes(timer.number));
    ran.push([next.number, next.at]);
    for (const plan of next.plan.sets) add(plan, next.at);
  }
};

describe('whatever timers do', () => {
  it('they run once each, in order of their moments and then of setting, and never once cleared', async () => {
    const law = fc.asyncProperty(
      fc.array(plan, { maxLength: 20 }),
      fc.array(fc.nat(30), { minLength: 1, maxLength: 4 }),
      async (plans, steps) => {
        const clock = createVirtualClock();
        const handles: unknown[] = [];
        const ran: [number, number][] = [];
        const set = (what: Plan): void => {
          const number = handles.length;
          const run = () => {
            ran.push([number, clock.now()]);
            for (const other of what.clears) clock.clearTimeout(handles[other]);
            for (const next of what.sets) set(next);
          };
          handles.push(clock.setTimeout(run, what.delayMs));
        };
        for (const what of plans) set(what);
        for (const step of steps) await clock.advance(step);
        const untilMs = steps.reduce((sum, step) => sum + step, 0);
        expect({ ran, pending: clock.pending }).toEqual(model(plans, untilMs));
        expect(clock.now()).toBe(untilMs);
      },
    );
    await fc.assert(law, { numRuns: 200 });
  });

  it('what one sets in motion is done before the next one runs', async () => {
    const law = fc.asyncProperty(fc.array(fc.nat(3), { maxLength: 12 }), fc.nat(200), async (delays, hops) => {
      const clock = createVirtualClock();
      const log: string[] = [];
      for (const [number, delayMs] of delays.entries()) {
        clock.setTimeout(async () => {
          log.push(`begins ${number}`);
          for (let hop = 0; hop < hops; hop += 1) await undefined;
          const { readable, writable } = new TransformStream();
          void new Response('x').body?.pipeTo(writable);
          await new Response(readable).text();
          log.push(`is done ${number}`);
        }, delayMs);
      }
      await clock.advance(3);
      const order = [...delays.keys()].sort((a, b) => (delays[a] as number) - (delays[b] as number) || a - b);
      expect(log).toEqual(order.flatMap((number) => [`begins ${number}`, `is done ${number}`]));
    });
    await fc.assert(law, { numRuns: 60 });
  });

  it('a handle that means nothing, or nothing any more, clears nothing', async () => {
    const clock = createVirtualClock();
    let ran = 0;
    const first = clock.setTimeout(() => (ran += 1), 1);
    await clock.advance(1);
    clock.setTimeout(() => (ran += 1), Number.NaN);
    clock.setTimeout(() => (ran += 1), -5);
    for (const handle of [first, undefined, null, 0, 'x', {}, { place: 0 }]) clock.clearTimeout(handle);
    expect(clock.pending).toBe(2);
    await clock.advance(0);
    expect(ran).toBe(3);
  });

  it('time does not go back when two advance it', async () => {
    const clock = createVirtualClock();
    const far = clock.advance(100);
    await clock.advance(10);
    await far;
    expect(clock.now()).toBe(100);
  });
});
