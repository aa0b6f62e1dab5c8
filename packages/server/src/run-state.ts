/**
 * The states of a run (DESIGN §5) as a pure machine: `queued → running → completed | failed | cancelled |
 * interrupted`. It decides; `run.ts` acts. The first reason to stop wins, and an ending is final: that is what makes
 * "settles exactly once" a property of this file rather than of every caller.
 */
import type { RunOutcome } from '@chatkit/core';

/** Which deadline passed. Also the error code that the client reads. */
export type DeadlineCode = 'run.first_event_timeout' | 'run.idle_timeout' | 'run.total_timeout';

/**
 * Why a run is to stop: asked for (`cancel`), nobody is left who reads it (`disconnect`), a newer message took its
 * place (`superseded`), the server closes (`shutdown`), another machine may own it by now (`lost`), its log refused an
 * entry (`log`), or a deadline passed.
 */
export type StopCause = 'cancel' | 'disconnect' | 'superseded' | 'shutdown' | 'lost' | 'log' | DeadlineCode;

/** The cause that another machine sent. Causes travel as text; a newer machine may know more of them. */
export const knownCause = (cause: string): StopCause => (cause === 'superseded' ? 'superseded' : 'cancel');

/** Where a run is. */
export type RunState =
  | { readonly status: 'queued' | 'running'; readonly stop: StopCause | undefined }
  | { readonly status: RunOutcome };

/** What happens to a run. `end` tells how its events ended: on their own, by an error, or because of the stop. */
export type RunTransition =
  | { readonly type: 'start' }
  | { readonly type: 'stop'; readonly cause: StopCause }
  | { readonly type: 'end'; readonly how: 'completed' | 'failed' | 'stopped' };

/** The state of every new run. */
export const initialRunState: RunState = { status: 'queued', stop: undefined };

/** Whether a run is over. */
export const isSettled = (state: RunState): state is { readonly status: RunOutcome } =>
  state.status !== 'queued' && state.status !== 'running';

/** Whether a status is an end before the turn's own. */
export const isCutShort = (status: RunState['status'] | undefined): boolean =>
  status === 'cancelled' || status === 'interrupted';

/** How a run ends that was stopped for `cause`. */
export const outcomeOfStop = (cause: StopCause): RunOutcome =>
  cause === 'shutdown' || cause === 'lost'
    ? 'interrupted'
    : cause === 'cancel' || cause === 'disconnect' || cause === 'superseded'
      ? 'cancelled'
      : 'failed';

/** The state after a transition. Returns `state` itself when the transition means nothing there. */
export const nextRunState = (state: RunState, transition: RunTransition): RunState => {
  if (isSettled(state)) return state;
  switch (transition.type) {
    case 'start':
      return state.status === 'queued' ? { status: 'running', stop: state.stop } : state;
    case 'stop':
      return state.stop === undefined ? { status: state.status, stop: transition.cause } : state;
    case 'end':
      // A run that finished before it noticed the stop did finish: its answer is whole.
      return { status: transition.how === 'stopped' ? outcomeOfStop(state.stop ?? 'cancel') : transition.how };
  }
};
