/**
 * The connection to one run, as a pure state machine: `connecting → open → waiting → connecting … → closed`. It
 * decides; `resume-run.ts` acts. It knows nothing of the run's content: a run goes on while its connection is down.
 * Times (milliseconds of one clock) and random numbers come in with the signals, so every path can be tested as data.
 */
import type { ChatKitError, RunOutcome } from '@chatkit/core';
import { backoffMs, boundedNotBeforeMs, type ConnectionPolicy, handOverMs } from './connection-policy.ts';

/**
 * Why a connection is over. `end`: the run reported its end. `stop`: the user stopped it. `detach`: this client stopped
 * following; the run may go on. `navigate`: the same, because another thread is shown. `drop` and `stall`: it broke, or
 * fell silent, and could not be restored. `refused`: the server answered with an error. `gone`: the server no longer
 * knows the run, or no longer has its log.
 */
export type CloseReason = 'end' | 'stop' | 'detach' | 'navigate' | 'drop' | 'stall' | 'refused' | 'gone';

/**
 * What is known of the run's server. `unanswered`: the request has not been answered. `resumable`: answered by a server
 * that can resume runs. `plain`: answered by one that cannot.
 */
export type Reach = 'unanswered' | 'resumable' | 'plain';

interface Line {
  /** The number of the request, counted from 1; a new number means a new request. */
  readonly attempt: number;
  readonly reach: Reach;
  /** Failures since the connection was last healthy. */
  readonly failures: number;
  /** Since when it has been down; the budget counts from here. `undefined` while nothing has failed. */
  readonly downSince: number | undefined;
  /** The reconnect delay that the server asked for with `retry`. */
  readonly retryMs: number | undefined;
  /** The heartbeat interval that the server announced. */
  readonly heartbeatMs: number | undefined;
}

interface HandedOver {
  /**
   * Set after a planned hand-over: carries over what the last connection knew, because nothing is broken and the screen
   * need not change.
   */
  readonly handedOver?: { readonly eventAt: number; readonly silent: boolean } | undefined;
}

export type ConnectionState =
  | (Line & HandedOver & { readonly phase: 'connecting'; readonly since: number })
  | (Line & {
      readonly phase: 'open';
      readonly since: number;
      /** When the last byte came, of a heartbeat or an event. */
      readonly heardAt: number;
      /** When the last event came. */
      readonly eventAt: number;
      /** Heartbeats come but no events: the connection is fine, the model is thinking. */
      readonly silent: boolean;
    })
  | (Line &
      HandedOver & {
        readonly phase: 'waiting';
        readonly until: number;
        /** The earliest time that the server's `Retry-After` allows; a wake-up of the page does not override it. */
        readonly notBefore: number;
      })
  | (Line & { readonly phase: 'suspended' })
  | {
      readonly phase: 'closed';
      /** What was known of the server at the end. */
      readonly reach: Reach;
      readonly reason: CloseReason;
      readonly outcome?: RunOutcome | undefined;
      readonly error?: ChatKitError | undefined;
    };

export type ConnectionSignal =
  /** The response headers have arrived. */
  | { readonly type: 'opened'; readonly at: number; readonly reach: Reach; readonly heartbeatMs?: number | undefined }
  | { readonly type: 'heard'; readonly at: number; readonly events: number }
  | { readonly type: 'retry'; readonly ms: number }
  /** An offset came, so the server can resume runs even if its headers could not be read. */
  | { readonly type: 'numbered' }
  /** `jitter`: a random number from 0 to 1. `notBeforeMs`: the server's `Retry-After`. */
  | { readonly type: 'failed'; readonly at: number; readonly jitter: number; readonly notBeforeMs?: number | undefined }
  /**
   * The server has ended the connection, and the client is to continue on a new one. `withinMs`: the time over which
   * clients that are all handed over at once are to spread out.
   */
  | {
      readonly type: 'handedOver';
      readonly at: number;
      readonly jitter: number;
      readonly withinMs?: number | undefined;
    }
  /** The time that `deadlineOf` named has come. */
  | { readonly type: 'tick'; readonly at: number; readonly jitter: number }
  /** The page signals that trying again may succeed. */
  | { readonly type: 'woken'; readonly at: number; readonly by: 'online' | 'visible' | 'restored' }
  /** The page is being left, perhaps to be restored later. */
  | { readonly type: 'left' }
  /**
   * The connection is over. `outcome`: how the run ended, if it did. `error`: why it was refused; with `gone`, set if
   * the server has no record of the run, so that it is unknown whether the run ended.
   */
  | {
      readonly type: 'closed';
      readonly reason: Exclude<CloseReason, 'drop' | 'stall'>;
      readonly outcome?: RunOutcome | undefined;
      readonly error?: ChatKitError | undefined;
    };

/** The state of a connection that is about to send its first request. */
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

/** The state after a signal. Returns `state` itself if the signal has no effect in it. */
export const nextConnection = (
  state: ConnectionState,
  signal: ConnectionSignal,
  policy: ConnectionPolicy,
): ConnectionState => {
  if (state.phase === 'closed') return state;
  const { reach } = state;
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
        // Only a heartbeat proves that the model is slow; without one the connection may just as well be dead.
        silent: !spoke && signal.at - state.eventAt >= policy.silentAfterMs,
      };
    }
    case 'retry':
      return { ...state, retryMs: signal.ms };
    case 'numbered':
      return reach === 'resumable' ? state : { ...state, reach: 'resumable' };
    case 'failed':
      return lose(state, 'drop', signal, policy);
    case 'handedOver':
      return handOver(state, signal, policy);
    case 'tick':
      return tick(state, signal, policy);
    case 'woken':
      return wake(state, signal, policy);
    case 'left':
      return canAskAgain(state, policy) ? { ...line(state), phase: 'suspended' } : state;
    case 'closed':
      return { phase: 'closed', reach, reason: signal.reason, outcome: signal.outcome, error: signal.error };
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
      // Plain servers send no heartbeats, so their silence proves nothing.
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

/** What a wait passes on to the request behind it. */
const handedOn = (state: Live): Line & HandedOver =>
  state.phase === 'waiting' ? { ...line(state), handedOver: state.handedOver } : line(state);

/** The server's own interval counts, because with a shorter one a good connection would be cut again and again. */
const heartbeatOf = (state: Live, policy: ConnectionPolicy): number => state.heartbeatMs ?? policy.heartbeatMs;

/** How long a connection may go without a byte. */
const lifeOf = (state: Live, policy: ConnectionPolicy): number => 2.5 * heartbeatOf(state, policy);

const canAskAgain = (state: Live, policy: ConnectionPolicy): boolean =>
  state.reach === 'resumable' || (state.reach === 'unanswered' && policy.repeatable);

const connect = (from: Line & HandedOver, at: number): Extract<ConnectionState, { phase: 'connecting' }> => ({
  ...from,
  phase: 'connecting',
  attempt: from.attempt + 1,
  since: at,
});

/** `until`: the last moment at which it is known to have worked. */
const isHealthy = (state: Live, until: number, policy: ConnectionPolicy): boolean =>
  state.phase === 'open' && until - state.since >= policy.healthyAfterMs;

const lose = (
  state: Live,
  reason: 'drop' | 'stall',
  { at, jitter, notBeforeMs }: { at: number; jitter: number; notBeforeMs?: number | undefined },
  policy: ConnectionPolicy,
): ConnectionState => {
  if (state.phase !== 'connecting' && state.phase !== 'open') return state;
  const { reach } = state;
  if (!canAskAgain(state, policy)) return { phase: 'closed', reach, reason };
  // A server that accepts and hangs up at once must not reset the count, or clients would hammer it. Nor must one that
  // accepts and then says nothing, or clients would never give up: the time until the silence was noticed is not
  // health.
  const workedUntil = reason === 'stall' && state.phase === 'open' ? state.heardAt : at;
  const wasHealthy = isHealthy(state, workedUntil, policy);
  const failures = wasHealthy ? 0 : state.failures;
  const downSince = wasHealthy ? at : downSinceOf(state, at, policy);
  if (at - downSince >= policy.budgetMs) return { phase: 'closed', reach, reason };
  return {
    ...line(state),
    phase: 'waiting',
    failures: failures + 1,
    downSince,
    until: at + backoffMs(failures, jitter, policy, state.retryMs, notBeforeMs),
    notBefore: at + boundedNotBeforeMs(notBeforeMs),
  };
};

/** A healthy connection goes on as it was. A server that hands over again and again at once counts as failing. */
const handOver = (
  state: Live,
  signal: { at: number; jitter: number; withinMs?: number | undefined },
  policy: ConnectionPolicy,
): ConnectionState => {
  const { at, jitter, withinMs } = signal;
  if (state.phase !== 'open' || !isHealthy(state, at, policy) || !canAskAgain(state, policy))
    return lose(state, 'drop', signal, policy);
  const { eventAt, silent } = state;
  const from = { ...line(state), failures: 0, downSince: undefined, handedOver: { eventAt, silent } };
  const until = at + handOverMs(jitter, withinMs);
  return until > at ? { ...from, phase: 'waiting', until, notBefore: at } : connect(from, at);
};

/**
 * Compares with `deadlineOf` itself instead of recomputing the condition: with fractional milliseconds `since + ms` may
 * round to a moment at which `at - since` is still less than `ms`, and a timer that is always too early would be set
 * again for ever.
 */
const tick = (state: Live, signal: { at: number; jitter: number }, policy: ConnectionPolicy): ConnectionState => {
  const due = deadlineOf(state, policy);
  if (due === undefined || signal.at < due) return state;
  return state.phase === 'waiting'
    ? connect({ ...handedOn(state), downSince: downSinceOf(state, signal.at, policy) }, signal.at)
    : lose(state, 'stall', signal, policy);
};

/**
 * Since when the connection has been down, not counting the time by which a deadline was missed. During that time the
 * machine slept or the page was frozen, so nobody tried, and a laptop that wakes up has no network yet.
 */
const downSinceOf = (state: Live, at: number, policy: ConnectionPolicy): number =>
  state.downSince === undefined ? at : state.downSince + Math.max(0, at - (deadlineOf(state, policy) ?? at));

/** The page woke up: a connection that is down is tried again as soon as the server allows, with a full budget. */
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
    : connect({ ...handedOn(state), downSince }, at);
};

/**
 * Whether to reconnect at a wake-up: a wait is cut short, a request or stream that has been quiet is taken for dead,
 * and one that is active is left alone.
 */
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
