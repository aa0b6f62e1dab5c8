import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { createNotifier } from '../src/notify.ts';
import { manualScheduler } from './support/chat.ts';

it('tells once a frame, and the last of what there was', () => {
  const steps = fc.array(fc.constantFrom('change', 'frame', 'flush', 'read'));
  const law = fc.property(steps, (sequence) => {
    let state = 0;
    let told = 0;
    let calls = 0;
    let expected = 0;
    const scheduler = manualScheduler();
    const notifier = createNotifier(() => state, scheduler);
    notifier.subscribe(() => {
      calls += 1;
    });
    for (const step of sequence) {
      if (step === 'change') {
        state += 1;
        notifier.changed();
      } else if (step === 'frame' || step === 'flush') {
        if (step === 'frame') scheduler.frame();
        else notifier.flush();
        if (state !== told) expected += 1;
        told = state;
      }
      expect(notifier.getSnapshot()).toBe(told);
      expect(calls).toBe(expected);
    }
  });
  fc.assert(law);
});

it('does not call a listener that another one has taken back, though both were to be told', () => {
  let state = 0;
  const notifier = createNotifier(() => state, manualScheduler());
  const second = vi.fn();
  notifier.subscribe(() => end());
  const end = notifier.subscribe(second);
  state = 1;
  notifier.flush();
  expect(second).not.toHaveBeenCalled();
});

it('works with a scheduler that does not wait', () => {
  let state = 0;
  const notifier = createNotifier(
    () => state,
    (flush) => {
      flush();
      return () => {};
    },
  );
  const listener = vi.fn();
  notifier.subscribe(listener);
  for (let change = 1; change <= 3; change += 1) {
    state = change;
    notifier.changed();
    expect(listener).toHaveBeenCalledTimes(change);
  }
});
