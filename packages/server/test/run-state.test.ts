import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  initialRunState,
  isSettled,
  nextRunState,
  outcomeOfStop,
  type RunState,
  type RunTransition,
  type StopCause,
} from '../src/run-state.ts';

const cause = fc.constantFrom<StopCause>(
  'cancel',
  'disconnect',
  'superseded',
  'shutdown',
  'log',
  'run.first_event_timeout',
  'run.idle_timeout',
  'run.total_timeout',
);
const transition: fc.Arbitrary<RunTransition> = fc.oneof(
  fc.constant<RunTransition>({ type: 'start' }),
  cause.map((each): RunTransition => ({ type: 'stop', cause: each })),
  fc.constantFrom<RunTransition>(
    { type: 'end', how: 'completed' },
    { type: 'end', how: 'failed' },
    { type: 'end', how: 'stopped' },
  ),
);
const play = (transitions: readonly RunTransition[], from: RunState = initialRunState) =>
  transitions.reduce(nextRunState, from);

test('an ending is final', () => {
  fc.assert(
    fc.property(fc.array(transition), fc.array(transition), (before, after) => {
      const state = play(before);
      fc.pre(isSettled(state));
      expect(play(after, state)).toBe(state);
    }),
  );
});

test('a run settles at its first end, and at nothing else', () => {
  fc.assert(
    fc.property(fc.array(transition), (transitions) => {
      expect(isSettled(play(transitions))).toBe(transitions.some(({ type }) => type === 'end'));
    }),
  );
});

test('the first cause to stop decides the outcome of a stopped run', () => {
  fc.assert(
    fc.property(cause, fc.array(cause), (first, later) => {
      const stops = [first, ...later].map((each): RunTransition => ({ type: 'stop', cause: each }));
      const state = play([{ type: 'start' }, ...stops, { type: 'end', how: 'stopped' }]);
      expect(state.status).toBe(outcomeOfStop(first));
    }),
  );
});

test('a run that ended before it noticed the stop is completed', () => {
  const state = play([{ type: 'start' }, { type: 'stop', cause: 'cancel' }, { type: 'end', how: 'completed' }]);
  expect(state.status).toBe('completed');
});

test.each([
  ['cancel', 'cancelled'],
  ['disconnect', 'cancelled'],
  ['superseded', 'cancelled'],
  ['shutdown', 'interrupted'],
  ['log', 'failed'],
  ['run.idle_timeout', 'failed'],
] as const)('%s ends as %s', (why, outcome) => expect(outcomeOfStop(why)).toBe(outcome));
