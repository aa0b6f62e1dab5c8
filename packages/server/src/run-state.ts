/**
 * The states of a run as a pure state machine: `queued → running → completed | failed | cancelled | interrupted`. It
 * decides; `run.ts` acts. The first reason to stop wins, and an outcome is final: that makes "settles exactly once" a
 * property of this file rather than of every caller.
 */
import { ChatKitError, type RunOutcome } from '@chatkit/core';

/** Which deadline passed. Also the error code that the client reads. */
export type DeadlineCode = 'run.first_event_timeout' | 'run.idle_timeout' | 'run.total_timeout';

/**
 * Why a run is to stop: on request (`cancel`), because its last reader left (`disconnect`), because a newer message
 * came (`superseded`), because the server closes (`shutdown`), because another machine may own it by now (`lost`),
 * because its log refused an entry (`log`), or because a deadline passed.
 */
export type StopCause = 'cancel' | 'disconnect' | 'superseded' | 'shutdown' | 'lost' | 'log' | DeadlineCode;

/** Reads a cause that another machine sent. Causes travel as text, and a newer version may have more of them. */
export const knownCause = (cause: string): StopCause => (cause === 'superseded' ? 'superseded' : 'cancel');

/** Where a run is. */
export type RunState =
  | { readonly status: 'queued' | 'running'; readonly stop: StopCause | undefined }
  | { readonly status: RunOutcome };

/** What happens to a run. `end` says how its events ended: by themselves, by an error, or because of the stop. */
export type RunTransition =
  | { readonly type: 'start' }
  | { readonly type: 'stop'; readonly cause: StopCause }
  | { readonly type: 'end'; readonly how: 'completed' | 'failed' | 'stopped' };

/** The state of every new run. */
export const initialRunState: RunState = { status: 'queued', stop: undefined };

/** Whether a run is over. */
export const isSettled = (state: RunState): state is { readonly status: RunOutcome } =>
  state.status !== 'queued' && state.status !== 'running';

/** Whether a status means that the run ended before its turn did. */
export const isCutShort = (status: RunState['status'] | undefined): boolean =>
  status === 'cancelled' || status === 'interrupted';

/** The outcome of a run that was stopped for `cause`. */
export const outcomeOfStop = (cause: StopCause): RunOutcome =>
  cause === 'shutdown' || cause === 'lost'
    ? 'interrupted'
    : cause === 'cancel' || cause === 'disconnect' || cause === 'superseded'
      ? 'cancelled'
      : 'failed';

/** The state after a transition; `state` itself when the transition has no effect. */
export const nextRunState = (state: RunState, transition: RunTransition): RunState => {
  if (isSettled(state)) return state;
  switch (transition.type) {
    case 'start':
      return state.status === 'queued' ? { status: 'running', stop: state.stop } : state;
    case 'stop':
      return state.stop === undefined ? { status: state.status, stop: transition.cause } : state;
    case 'end':
      // A run that finished before it noticed the stop has finished: its answer is complete.
      return { status: transition.how === 'stopped' ? outcomeOfStop(state.stop ?? 'cancel') : transition.how };
  }
};

/** The value of `run.signal.reason`. */
export const stopReason = (cause: StopCause): ChatKitError => {
  const outcome = outcomeOfStop(cause);
  if (cause.startsWith('run.')) {
    return new ChatKitError(cause as DeadlineCode, 'The run took too long.', { retryable: true });
  }
  return new ChatKitError(
    outcome === 'interrupted' ? 'run.interrupted' : outcome === 'failed' ? 'run.failed' : 'run.cancelled',
    `The run was stopped (${cause}).`,
    { retryable: true, details: { cause } },
  );
};
