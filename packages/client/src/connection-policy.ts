/**
 * When the client reconnects and when it gives up, in numbers, and how long it waits. A server may ask for more or less, but
 * within bounds: none can have a thousand clients at its door in one moment, or keep one away for a day.
 */

/** The numbers that the machine goes by. */
export interface ConnectionPolicy {
  /** Longest first delay, doubled by every failure up to `capMs`. The server's `retry` takes its place. Default 500. */
  readonly baseMs: number;
  /** Longest delay. Default 30,000. */
  readonly capMs: number;
  /** Shortest delay. Default 100. */
  readonly floorMs: number;
  /** How long it may be down before it gives up. Default 5 minutes. */
  readonly budgetMs: number;
  /** How long a connection must have lasted to count as healthy. Default 5,000. */
  readonly healthyAfterMs: number;
  /**
   * The heartbeat of a server that does not say its own. Without a byte for 2.5 of them the connection is dead. Default
   * 15,000.
   */
  readonly heartbeatMs: number;
  /** How long headers may take where asking again is safe. Default 20,000. */
  readonly connectTimeoutMs: number;
  /** How long headers may take where it is not; then the run is lost, with `transport.timeout`. Default 120,000. */
  readonly headTimeoutMs: number;
  /** Without an event for this long, a heartbeat has the run count as silent. Default 10,000. */
  readonly silentAfterMs: number;
  /** Whether an unanswered request may be sent again: it may when the server takes the run's id from the client. */
  readonly repeatable: boolean;
}

/** When the client reconnects and when it gives up, unless `connection` says otherwise. */
export const defaultPolicy: ConnectionPolicy = {
  baseMs: 500,
  capMs: 30_000,
  floorMs: 100,
  budgetMs: 5 * 60_000,
  healthyAfterMs: 5_000,
  heartbeatMs: 15_000,
  connectTimeoutMs: 20_000,
  headTimeoutMs: 120_000,
  silentAfterMs: 10_000,
  repeatable: false,
};

/** Longest `Retry-After` that is obeyed, and the bounds of `retry`: a server cannot stop a client for a day. */
const maxNotBeforeMs = 60 * 60_000;
const minRetryMs = 500;
const maxRetryMs = 60_000;

/**
 * Full jitter: anything up to the doubled base, so that a thousand clients that lost one server come back spread over the
 * whole window. `Retry-After` is a floor, not a hint, and the window begins behind it: those who were all told the same
 * second do not all come in it.
 */
export const backoffMs = (
  failures: number,
  jitter: number,
  policy: ConnectionPolicy,
  retryMs?: number,
  notBeforeMs?: number,
): number => {
  const base = retryMs === undefined ? policy.baseMs : Math.min(Math.max(retryMs, minRetryMs), maxRetryMs);
  const window = Math.min(Math.max(policy.capMs, base), base * 2 ** Math.min(failures, 30));
  return Math.max(policy.floorMs, boundedNotBeforeMs(notBeforeMs) + jitter * window);
};

/** `Retry-After`, as far as it is obeyed. */
export const boundedNotBeforeMs = (ms = 0): number => Math.min(ms, maxNotBeforeMs);
