/** How a run ended for this client, and what follows from that for its turn. All of it is pure. */
import { ChatKitError, type ChatKitRequestInput, type RunOutcome } from '@chatkit/core';
import type { CloseReason } from './connection-state.ts';
import type { TurnPlan } from './turn-plan.ts';

/** How a run ended, or the connection to it. */
export interface RunEnd {
  readonly reason: CloseReason;
  readonly outcome: RunOutcome;
  /** What went wrong, unless the run itself reported its end. */
  readonly error?: ChatKitError | undefined;
  /**
   * How to go on with the run: by attaching to it, or by repeating the request that the server has not answered.
   * `undefined` if neither is possible.
   */
  readonly retryWith?: { readonly runId: string; readonly request: ChatKitRequestInput | undefined } | undefined;
}

/** The end of what the user has stopped. */
export const stopped: RunEnd = { reason: 'stop', outcome: 'cancelled' };

/** The same end, if the user has stopped the run meanwhile. One that was complete before the stop arrived stays so. */
export const asStopped = (end: RunEnd): RunEnd => (end.outcome === 'completed' ? end : stopped);

/** The error for a run whose end is unknown. */
export const interrupted = (): ChatKitError =>
  new ChatKitError('run.interrupted', 'The answer was interrupted.', { retryable: true });

/** Whether the run ended before its answer was complete. */
export const endedEarly = ({ reason, outcome }: RunEnd): boolean =>
  reason === 'end' && (outcome === 'cancelled' || outcome === 'interrupted');

/** Whether the run will not take its message any more: it has ended, or was stopped before it began. */
export const isSpent = ({ reason, error }: RunEnd): boolean => reason === 'end' || error?.code === 'run.cancelled';

/**
 * The turn by which `retry()` goes on with a run that failed, under `nextRunId` if its own id is spent. `undefined` if
 * that is not possible.
 */
export const retryPlanOf = (
  { error, retryWith }: RunEnd,
  nextRunId: string | undefined,
  rest: Pick<TurnPlan, 'prepare' | 'isOwn'>,
): TurnPlan | undefined => {
  if (error === undefined || retryWith === undefined) return undefined;
  const { runId, request } = retryWith;
  return { ...rest, runId: nextRunId ?? runId, request: request && (() => request), isRepeat: request !== undefined };
};
