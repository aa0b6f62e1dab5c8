/**
 * The states of the connection to one run, as a pure machine: `connecting → open → waiting → connecting … → closed`. It
 * decides, `resume-run.ts` acts. It knows nothing of what the run says: a run goes on while its connection is down. Times
 * are milliseconds of one clock and come in with the signals, and so does chance, so every path can be tested as data.
 */
import type { ChatKitError, RunOutcome } from '@chatkit/core';
import { backoffMs, boundedNotBeforeMs, type ConnectionPolicy } from './connection-policy.ts';

/**
 * Why a connection is over. `end`: the run said how it ended. `stop`: the user did not want it any more. `detach`: this
 * client let go of it, the run may go on. `navigate`: the same, because another thread is shown. `drop` and `stall`: broken,
 * or silent, and not to be had again. `refused`: answered with an error. `gone`: the server no longer knows the run, or no
 * longer has its log.
 */
export type CloseReason = 'end' | 'stop' | 'detach' | 'navigate' | 'drop' | 'stall' | 'refused' | 'gone';

/**
 * What is known of the run on the server's side: its request has not been answered; answered by a server that can
 * resume; answered by one that cannot.
 */
export type Reach = 'unanswered' | 'resumable' | 'plain';

interface Line {
  /** Counts requests; a state with another number has another request under it. */
  readonly attempt: number;
  readonly reach: Reach;
  /** Failures since the connection was last healthy. */
  readonly failures: number;
  /** When it was last healthy; the budget counts from there. `undefined` while nothing has failed. */
  readonly downSince: number | undefined;
  /** What the server asked for with `retry`. */
  readonly retryMs: number | undefined;
  /** What the server said of its heartbeat. */
  readonly heartbeatMs: number | undefined;
}

export type ConnectionState =
  | (Line & {
      readonly phase: 'connecting';
      readonly since: number;
      /** What was known of the events of a connection that was handed over: nothing is broken, and nobody need be told. */
      readonly handedOver?: { readonly eventAt: number; readonly silent: boolean } | undefined;
    })
  | (Line & {
      readonly phase: 'open';
      readonly since: number;
      /** When the last byte came, a heartbeat's or an event's. */
      readonly heardAt: number;
      /** When the last event came. */
      readonly eventAt: number;
      /** Bytes come, events do not: the model is thinking, the connection is fine. */
      readonly silent: boolean;
    })
  | (Line & {
      readonly phase: 'waiting';
      readonly until: number;
      /** What the server asked for with `Retry-After`: no news of the page makes it earlier. */
      readonly notBefore: number;
    })
  | (Line & { readonly phase: 'suspended' })
  | {
      readonly phase: 'closed';
      readonly reason: CloseReason;
      readonly outcome?: RunOutcome | undefined;
      readonly error?: ChatKitError | undefined;
    };

export type ConnectionSignal =
  /** The answer's headers are here. */
  | { readonly type: 'opened'; readonly at: number; readonly reach: Reach; readonly heartbeatMs?: number | undefined }
  | { readonly type: 'heard'; readonly at: number; readonly events: number }
  | { readonly type: 'retry'; readonly ms: number }
  /** An offset was seen, so the server can resume even if its headers could not be read. */
  | { readonly type: 'numbered' }
  /** `jitter`: chance, from 0 to 1. `notBeforeMs`: the server's `Retry-After`. */
  | { readonly type: 'failed'; readonly at: number; readonly jitter: number; readonly notBeforeMs?: number | undefined }
  /** The server has ended the connection because of its age, for the client to go on with a new one. */
  | { readonly type: 'handedOver'; readonly at: number; readonly jitter: number }
  /** The time that `deadlineOf` named has come. */
  | { readonly type: 'tick'; readonly at: number; readonly jitter: number }
  /** The page says that trying again may pay off. */
  | { readonly type: 'woken'; readonly at: number; readonly by: 'online' | 'visible' | 'restored' }
  /** The page goes away, perhaps to be restored. */
  | { readonly type: 'left' }
  /**
   * It is over. `outcome`: how the run ended, if that was its end. `error`: why it was refused; of one that is gone, that the
   * server has never heard of it, so nothing tells that it has ended.
   */
  | {
      readonly type: 'closed';
      readonly reason: Exclude<CloseReason, 'drop' | 'stall'>;
      readonly outcome?: RunOutcome | undefined;
      readonly error?: ChatKitError | undefined;
    };

/** The state of a connection that is about to ask for the first time. */
export const initialConnection = (at: number, reach: Reach): ConnectionState => ({
  phase: 'connecting',
  attempt: 1,
  reach,
  failures: 0,
  downSince: undefined,
  retryMs: undefined,
  heartbeatMs: undefined,
  since: at,
});

/** The state after a signal. Returns `state` itself when the signal means nothing there. */
export const nextConnection = (
  state: ConnectionState,
  signal: ConnectionSignal,
  policy: ConnectionPolicy,
): ConnectionState => {
  if (state.phase === 'closed') return state;
  switch (signal.type) {
    case 'opened':
      return {
        ...line(state),
        phase: 'open',
        reach: signal.reach,
        heartbeatMs: signal.heartbeatMs ?? state.heartbeatMs,
        since: signal.at,
        heardAt: signal.at,
        eventAt: signal.at,
        silent: false,
        ...(state.phase === 'connecting' ? state.handedOver : undefined),
      };
    case 'heard': {
      if (state.phase !== 'open') return state;
      const spoke = signal.events > 0;
      return {
        ...state,
        heardAt: signal.at,
        eventAt: spoke ? signal.at : state.eventAt,
        // Only a heartbeat proves that it is the model that is slow; without one the connection may as well be dead.
        silent: !spoke && (state.silent || signal.at - state.eventAt >= policy.silentAfterMs),
      };
    }
    case 'retry':
      return { ...state, retryMs: signal.ms };
    case 'numbered':
      return state.reach === 'resumable' ? state : { ...state, reach: 'resumable' };
    case 'failed':
      return lose(state, 'drop', signal, policy);
    case 'handedOver':
      // A server that hands over at once, again and again, is one that fails.
      return state.phase === 'open' && isHealthy(state, signal.at, policy) && canAskAgain(state, policy)
        ? {
            ...connect({ ...line(state), failures: 0, downSince: undefined }, signal.at),
            handedOver: { eventAt: state.eventAt, silent: state.silent },
          }
        : lose(state, 'drop', signal, policy);
    case 'tick':
      return tick(state, signal, policy);
    case 'woken':
      return wake(state, signal, policy);
    case 'left':
      return canAskAgain(state, policy) ? { ...line(state), phase: 'suspended' } : state;
    case 'closed':
      return { phase: 'closed', reason: signal.reason, outcome: signal.outcome, error: signal.error };
  }
};

/** When the machine wants a `tick`; `undefined` for never. */
export const deadlineOf = (state: ConnectionState, policy: ConnectionPolicy): number | undefined => {
  switch (state.phase) {
    case 'waiting':
      return state.until;
    case 'connecting':
      return state.since + (canAskAgain(state, policy) ? policy.connectTimeoutMs : policy.headTimeoutMs);
    case 'open':
      // Servers of the reference send no heartbeat: there, quiet proves nothing.
      return state.reach === 'resumable' ? state.heardAt + lifeOf(state, policy) : undefined;
    default:
      return undefined;
  }
};

type Live = Exclude<ConnectionState, { phase: 'closed' }>;

const line = ({ attempt, reach, failures, downSince, retryMs, heartbeatMs }: Live): Line => ({
  attempt,
  reach,
  failures,
  downSince,
  retryMs,
  heartbeatMs,
});

/** A server may beat at any pace; to hold a slow one for dead would cut a good connection again and again. */
const heartbeatOf = (state: Live, policy: ConnectionPolicy): number => state.heartbeatMs ?? policy.heartbeatMs;

/** How long a connection may be without a byte. */
const lifeOf = (state: Live, policy: ConnectionPolicy): number => 2.5 * heartbeatOf(state, policy);

const canAskAgain = (state: Live, policy: ConnectionPolicy): boolean =>
  state.reach === 'resumable' || (state.reach === 'unanswered' && policy.repeatable);

const connect = (from: Line, at: number): Extract<ConnectionState, { phase: 'connecting' }> => ({
  ...from,
  phase: 'connecting',
  attempt: from.attempt + 1,
  since: at,
});

/** `until`: the moment to which it is known to have worked. */
const isHealthy = (state: Live, until: number, policy: ConnectionPolicy): boolean =>
  state.phase === 'open' && until - state.since >= policy.healthyAfterMs;

const lose = (
  state: Live,
  reason: 'drop' | 'stall',
  { at, jitter, notBeforeMs }: { at: number; jitter: number; notBeforeMs?: number | undefined },
  policy: ConnectionPolicy,
): ConnectionState => {
  if (state.phase !== 'connecting' && state.phase !== 'open') return state;
  if (!canAskAgain(state, policy)) return { phase: 'closed', reason };
  // A server that accepts and hangs up at once must not reset the count, or clients would hammer it; nor one that accepts
  // and says no more, or nobody would ever give it up: that it was open until the silence was noticed is not health.
  const workedUntil = reason === 'stall' && state.phase === 'open' ? state.heardAt : at;
  const wasHealthy = isHealthy(state, workedUntil, policy);
  const failures = wasHealthy ? 0 : state.failures;
  const downSince = wasHealthy ? at : downSinceOf(state, at, policy);
  if (at - downSince >= policy.budgetMs) return { phase: 'closed', reason };
  return {
    ...line(state),
    phase: 'waiting',
    failures: failures + 1,
    downSince,
    until: at + backoffMs(failures, jitter, policy, state.retryMs, notBeforeMs),
    notBefore: at + boundedNotBeforeMs(notBeforeMs),
  };
};

/**
 * Asks `deadlineOf`, and works nothing out anew: where a clock counts fractions, `since + ms` may round to a moment at which
 * `at - since` falls short of `ms`, and a timer that is always too early is set again for ever.
 */
const tick = (state: Live, signal: { at: number; jitter: number }, policy: ConnectionPolicy): ConnectionState => {
  const due = deadlineOf(state, policy);
  if (due === undefined || signal.at < due) return state;
  return state.phase === 'waiting'
    ? connect({ ...line(state), downSince: downSinceOf(state, signal.at, policy) }, signal.at)
    : lose(state, 'stall', signal, policy);
};

/**
 * Since when it has been down, without the time for which a deadline was missed: the machine slept, or its page was
 * frozen. In that time nobody tried, and a laptop that wakes up has no network yet.
 */
const downSinceOf = (state: Live, at: number, policy: ConnectionPolicy): number =>
  state.downSince === undefined ? at : state.downSince + Math.max(0, at - (deadlineOf(state, policy) ?? at));

/** The page has news: what was down is tried again, with its whole budget, as soon as the server allows. */
const wake = (
  state: Live,
  signal: { at: number; by: 'online' | 'visible' | 'restored' },
  policy: ConnectionPolicy,
): ConnectionState => {
  if (!isWorthAsking(state, signal, policy)) return state;
  const { at } = signal;
  const downSince = state.downSince === undefined ? undefined : at;
  return state.phase === 'waiting' && at < state.notBefore
    ? { ...state, downSince, until: state.notBefore }
    : connect({ ...line(state), downSince }, at);
};

/** A wait is cut short; a request or a stream that has been quiet is taken for dead, one that speaks is left alone. */
const isWorthAsking = (
  state: Live,
  { at, by }: { at: number; by: 'online' | 'visible' | 'restored' },
  policy: ConnectionPolicy,
): boolean => {
  if (!canAskAgain(state, policy)) return false;
  switch (state.phase) {
    case 'waiting':
      return true;
    case 'suspended':
      return by !== 'online';
    case 'connecting':
      return at - state.since >= 1_000;
    case 'open':
      return at - state.heardAt >= (by === 'visible' ? heartbeatOf(state, policy) * 1.2 : 1_000);
  }
};
