/**
 * Delivers the events of one run completely, in order and each exactly once, however often the connection breaks (step
 * 6 of the path of a token: resume). The state machine in `connection-state.ts` decides when to ask again; the last
 * offset says from where. Events come in the batches in which their bytes arrived.
 */
import {
  ChatKitError,
  type ChatKitRequestInput,
  compareOffsets,
  isChatKitError,
  type RunOutcome,
  type ThreadStreamEvent,
} from '@chatkit/core';
import { deadline } from '@chatkit/stream/engine';
import type { ConnectionPolicy } from './connection-policy.ts';
import {
  type CloseReason,
  type ConnectionSignal,
  type ConnectionState,
  deadlineOf,
  initialConnection,
  nextConnection,
} from './connection-state.ts';
import { deferred } from './deferred.ts';
import { discard, type Endpoint, errorOf, foreignError, lateError, mayPass, networkError } from './endpoint.ts';
import type { Clock, PageEvents } from './ports.ts';
import { createRunBodyReader } from './run-body.ts';
import { interrupted, type RunEnd } from './run-end.ts';

/** What a connection needs from its environment. */
export interface ConnectionPorts {
  readonly endpoint: Endpoint;
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly page: PageEvents;
}

/**
 * Where events belong in a run that had already begun. `replay`: more of the past is to come, even if only the run's
 * end. `tail`: they are the last of the past, or newer. `unknown`: the server does not say where the replay ends.
 */
export type ReplayPlace = 'replay' | 'tail' | 'unknown';

export interface ResumeRunOptions extends ConnectionPorts {
  /** The request that starts the run. Absent if the run exists already. */
  readonly request?: ChatKitRequestInput | undefined;
  readonly runId: string;
  /** Whether the request may have been carried out before. */
  readonly isRepeat?: boolean | undefined;
  readonly policy: ConnectionPolicy;
  /** Receives events that arrived together. Must not throw. */
  readonly onEvents: (events: readonly ThreadStreamEvent[], place: ReplayPlace) => void;
  /** Called when the phase or the reach changes, or when the run falls silent or is heard again. */
  readonly onState?: ((state: ConnectionState) => void) | undefined;
}

/** A connection to one run. */
export interface RunConnection {
  /** The run's id: the server's once it has answered, before that the one it was asked to use. */
  runId(): string;
  state(): ConnectionState;
  /** Resolves when there will be no more events. Never rejects. */
  readonly closed: Promise<RunEnd>;
  /** Closes the stream. Whether the run goes on is up to the server. */
  close(reason: 'stop' | 'detach' | 'navigate'): void;
}

/**
 * Connects to a run and keeps reconnecting until the run has ended or the policy's budget is used up.
 *
 * A body that ends without the terminal frame was cut, whatever the browser says about it. The Python SDK's server
 * sends no terminal frame and cannot resume; its body counts as complete when no frame and no item is left unfinished.
 */
export const resumeRun = (options: ResumeRunOptions): RunConnection => {
  const { endpoint, request, isRepeat = false, policy, clock, random } = options;
  let { runId } = options;
  let state = initialConnection(clock.now(), request === undefined ? 'resumable' : 'unanswered');
  let attempt: AbortController | undefined;
  /** The server's last temporary error; reported if the budget runs out. */
  let complaint: ChatKitError | undefined;
  /** The last error of `fetch` or of the body. */
  let cause: unknown;
  /** The head of the last response. `replayTo`: the last offset of the replay. */
  let head: { readonly replayTo: string | undefined } | undefined;
  const end = deferred<RunEnd>();

  const reader = createRunBodyReader({
    onHeard: (events) => dispatch({ type: 'heard', at: clock.now(), events }),
    onEvents: (events, isLast) => options.onEvents(events, isLast ? 'replay' : placeOf(reader.lastOffset())),
    onRetry: (ms) => dispatch({ type: 'retry', ms }),
    onNumbered: () => dispatch({ type: 'numbered' }),
  });

  const placeOf = (offset: string | undefined): ReplayPlace => {
    if (head?.replayTo === undefined || offset === undefined) return 'unknown';
    return compareOffsets(offset, head.replayTo) < 0 ? 'replay' : 'tail';
  };

  const dispatch = (signal: ConnectionSignal): void => {
    const previous = state;
    state = nextConnection(previous, signal, policy);
    if (state === previous) return;
    if (attemptOf(state) !== attemptOf(previous)) {
      // When its thread is left, a message on its way is allowed to arrive; its answer is not read.
      if (!isLanding(previous, state)) attempt?.abort();
      begin();
    }
    arm();
    if (newsOf(state) !== newsOf(previous)) options.onState?.(state);
    if (state.phase !== 'closed') return;
    stopListening();
    end.resolve(endOf(state));
  };

  /** One timer, not reset at every byte: the deadline moves, the timer stays. */
  const due = deadline(clock, () => dispatch({ type: 'tick', at: clock.now(), jitter: random() }));
  const arm = (): void => {
    const at = deadlineOf(state, policy);
    if (at === undefined) due.clear();
    else due.set(at);
  };

  /** Sends a request, if the state machine wants an attempt. */
  const begin = (): void => {
    if (attemptOf(state) === undefined) return;
    attempt = new AbortController();
    void ask(attempt.signal);
  };

  const ask = async (signal: AbortSignal): Promise<void> => {
    try {
      const isStart = request !== undefined && state.reach === 'unanswered';
      const response = await (isStart
        ? endpoint.start(request, runId, isRepeat || attemptOf(state) !== 1, signal)
        : endpoint.attachTo(runId, reader.lastOffset(), signal));
      if (signal.aborted || state.phase === 'closed') return discard(response);
      const verdict = await judge(response, isStart);
      if (signal.aborted) return;
      dispatch(verdict);
      if (verdict.type !== 'opened' || !response.body) return;
      const bodyEnd = await reader.read(response.body, signal);
      if (signal.aborted) return;
      if (bodyEnd.type === 'handedOver') return dispatch({ ...failure(), ...bodyEnd });
      const isOver = bodyEnd.type === 'ended' || (bodyEnd.type === 'whole' && state.reach === 'plain');
      dispatch(isOver ? { type: 'closed', reason: 'end', outcome: bodyEnd.outcome } : failure());
    } catch (error) {
      // Browsers word a broken connection differently; that it broke is all that matters.
      if (signal.aborted) return;
      cause = error;
      dispatch(isChatKitError(error) && !error.retryable ? { type: 'closed', reason: 'refused', error } : failure());
    }
  };

  const failure = (notBeforeMs?: number): Extract<ConnectionSignal, { type: 'failed' }> => ({
    type: 'failed',
    at: clock.now(),
    jitter: random(),
    notBeforeMs,
  });

  /** What the head of a response means for the state machine. */
  const judge = async (response: Response, isStart: boolean): Promise<ConnectionSignal> => {
    const { status, headers } = response;
    if (!isStart && (status === 204 || status === 410)) {
      discard(response);
      return { type: 'closed', reason: 'gone' };
    }
    if (!response.ok) {
      const error = await errorOf(response, clock);
      const passes = mayPass(error, !isStart);
      if (!isStart && status === 404 && !passes) return { type: 'closed', reason: 'gone', error: interrupted() };
      // If the application itself refused or failed to start the run, it is up to the user to retry; a gateway's
      // failure will pass.
      if (!passes || (isStart && error.code !== 'transport.status' && error.code !== 'server.closing')) {
        return { type: 'closed', reason: 'refused', error };
      }
      complaint = error;
      return failure(retryAfterMs(headers.get('retry-after'), clock.now()));
    }
    if (!response.body || !/^text\/event-stream\b/i.test(headers.get('content-type') ?? '')) {
      discard(response);
      const error = foreignError(response, 'The server did not answer with events.');
      return { type: 'closed', reason: 'refused', error };
    }
    const named = headers.get('chatkit-run-id');
    runId = named ?? runId;
    head = { replayTo: headers.get('chatkit-replay-to') ?? undefined };
    const reach = isStart && named === null ? 'plain' : 'resumable';
    return { type: 'opened', at: clock.now(), reach, heartbeatMs: heartbeatMs(headers.get('chatkit-heartbeat')) };
  };

  const endOf = (closed: Extract<ConnectionState, { phase: 'closed' }>): RunEnd => {
    const { reach, reason } = closed;
    const canGoOn = reach !== 'plain' && reason !== 'gone';
    return {
      reason,
      outcome: outcomeOf(closed),
      error: closed.error ?? lossOf(closed),
      retryWith: canGoOn ? { runId, request: reach === 'unanswered' ? request : undefined } : undefined,
    };
  };

  const lossOf = ({ reason }: { reason: CloseReason }): ChatKitError | undefined => {
    if (reason !== 'drop' && reason !== 'stall') return undefined;
    if (complaint !== undefined) return complaint;
    if (head !== undefined) {
      return new ChatKitError('transport.interrupted', 'The connection was lost before the answer was complete.', {
        retryable: true,
        cause,
      });
    }
    return reason === 'drop'
      ? networkError(cause)
      : lateError(policy.repeatable ? policy.budgetMs : policy.headTimeoutMs);
  };

  const stopListening = options.page.listen((what) => {
    if (what === 'left') dispatch({ type: 'left' });
    else if (what !== 'hidden') dispatch({ type: 'woken', at: clock.now(), by: what });
  });

  begin();
  arm();

  return {
    runId: () => runId,
    state: () => state,
    closed: end.promise,
    close: (reason) => dispatch({ type: 'closed', reason }),
  };
};

const attemptOf = (state: ConnectionState): number | undefined =>
  state.phase === 'connecting' || state.phase === 'open' ? state.attempt : undefined;

/** Whether the client leaves while the request that starts a run is still unanswered. */
const isLanding = (from: ConnectionState, to: ConnectionState): boolean =>
  from.phase === 'connecting' &&
  from.reach === 'unanswered' &&
  to.phase === 'closed' &&
  (to.reason === 'detach' || to.reason === 'navigate');

/** The part of a state whose changes are reported to `onState`. */
const newsOf = (state: ConnectionState): string =>
  state.phase === 'open' ? `${state.phase} ${state.reach} ${state.silent}` : state.phase;

const outcomeOf = ({ reason, outcome }: Extract<ConnectionState, { phase: 'closed' }>): RunOutcome =>
  outcome ?? (reason === 'stop' ? 'cancelled' : reason === 'refused' ? 'failed' : 'interrupted');

/**
 * Parses `ChatKit-Heartbeat`: milliseconds, within bounds, so that no server can make clients hang up at once or wait
 * for a day.
 */
const heartbeatMs = (value: string | null): number | undefined =>
  value !== null && /^\d+$/.test(value) ? Math.min(Math.max(Number(value), 100), 10 * 60_000) : undefined;

/**
 * Parses `Retry-After`: seconds, or a date, which begins with a letter in each of its forms (RFC 9110 §5.6.7). `fetch`
 * has already trimmed white space.
 */
const retryAfterMs = (value: string | null, now: number): number | undefined => {
  if (value === null) return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const ms = /^[A-Z]/i.test(value) ? Date.parse(value) - now : Number.NaN;
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
};
