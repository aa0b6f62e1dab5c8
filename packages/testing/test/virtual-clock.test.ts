import { createVirtualClock } from '@chatkit/testing';
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
