/**
 * The numbers behind reconnecting: when the client retries, how long it waits, and when it gives up. A server may ask
 * for other delays, but within bounds, so that it can neither make a thousand clients reconnect at the same moment nor
 * keep one away for a day.
 */

/** The parameters of the connection's state machine. */
export interface ConnectionPolicy {
  /**
   * Upper bound of the first delay; doubled by every failure, up to `capMs`. The server's `retry` replaces it. Default
   * 500.
   */
  readonly baseMs: number;
  /** Longest delay. Default 30,000. */
  readonly capMs: number;
  /** Shortest delay. Default 100. */
  readonly floorMs: number;
  /** How long the connection may be down before the client gives up. Default 5 minutes. */
  readonly budgetMs: number;
  /** How long a connection must have lasted to count as healthy. Default 5,000. */
  readonly healthyAfterMs: number;
  /**
   * The heartbeat interval to assume of a server that does not name its own. After 2.5 intervals without a byte the
   * connection counts as dead. Default 15,000.
   */
  readonly heartbeatMs: number;
  /** How long response headers may take where repeating the request is safe. Default 20,000. */
  readonly connectTimeoutMs: number;
  /** How long they may take where it is not safe; then the run is lost, with `transport.timeout`. Default 120,000. */
  readonly headTimeoutMs: number;
  /** A heartbeat that comes this long after the last event makes the run count as silent. Default 10,000. */
  readonly silentAfterMs: number;
  /** Whether an unanswered request may be sent again: true when the server accepts run ids from the client. */
  readonly repeatable: boolean;
}

/** What the `connection` option may set. `repeatable` is found out. */
export type PolicyOptions = Omit<ConnectionPolicy, 'repeatable'>;

/** The defaults, which the `connection` option overrides. */
export const defaultPolicy: PolicyOptions = {
  baseMs: 500,
  capMs: 30_000,
  floorMs: 100,
  budgetMs: 5 * 60_000,
  healthyAfterMs: 5_000,
  heartbeatMs: 15_000,
  connectTimeoutMs: 20_000,
  headTimeoutMs: 120_000,
  silentAfterMs: 10_000,
};

/** The longest `Retry-After` that is obeyed, and the bounds of `retry`. */
const maxNotBeforeMs = 60 * 60_000;
const minRetryMs = 500;
const maxRetryMs = 60_000;

/**
 * Exponential backoff with full jitter: any delay from zero to the doubled base, so that a thousand clients that lost
 * the same server come back spread over the whole window. `Retry-After` is a floor, and the window begins after it, so
 * that clients that were all given the same second do not all return in that second.
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

/** A random part of the time over which a server that hands many connections over asks their clients to spread out. */
export const handOverMs = (jitter: number, withinMs = 0): number => jitter * Math.min(withinMs, maxRetryMs);

/** `Retry-After`, limited to what is obeyed. */
export const boundedNotBeforeMs = (ms = 0): number => Math.min(ms, maxNotBeforeMs);
