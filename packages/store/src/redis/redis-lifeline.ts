/**
 * Commands over the application's client, and over a connection of our own while that one says nothing. A connection
 * can die without an end (its machine is gone, a gateway has forgotten it), and then a client never settles what it has
 * sent into it.
 *
 * Whoever waits for an answer that is overdue asks whether it will come. A connection that answers anything is only
 * slow: answers keep their order. One that is silent is given up, and what may be sent twice is sent again. The client
 * is asked for a sign of life behind what it owes: once it gives one, or notices that its connection is dead, commands
 * go to it again.
 */
import type { RedisConnection, RedisPort } from './redis-client.ts';

export interface Lifeline extends Pick<RedisPort, 'command' | 'patientCommand'> {
  /**
   * Whether the answer to what was sent at this time, by `performance.now()`, may never come. Gives a silent connection
   * up.
   */
  isLost(sentAt: number): boolean;
  /** Ends the connections of our own. */
  close(): void;
}

/** How long an answer may take before it is overdue: asking again then does no harm but work. */
export const overdueMs = (unreachableMs: number): number => Math.min(2_000, unreachableMs / 4);

/** A connection of our own. */
interface Spare {
  readonly connection: RedisConnection;
  readonly openedAt: number;
  /** Calls that it owes an answer and that are not sent again. */
  pending: number;
  leftAt: number;
}

export interface LifelineOptions {
  /** How long a connection that owes something may say nothing. */
  readonly quietMs: number;
  /**
   * How long calls wait for their answers at most: nobody waits any more for what a connection owes that was left so
   * long ago.
   */
  readonly unreachableMs: number;
}

export const createLifeline = (port: RedisPort, { quietMs, unreachableMs }: LifelineOptions): Lifeline => {
  let spare: Spare | undefined;
  /** Those that were given up and owe something yet. */
  const left = new Set<Spare>();
  /** When the connection that is in use was last heard, or opened. */
  let heardAt = Number.NEGATIVE_INFINITY;
  let isClosed = false;

  const hear = (): void => {
    if (spare === undefined) heardAt = performance.now();
  };
  const listened = (answer: Promise<unknown>): Promise<unknown> => {
    answer.then(hear, hear);
    return answer;
  };
  const over = async (to: Spare, args: readonly string[], owed: number): Promise<unknown> => {
    to.pending += owed;
    try {
      return await to.connection.command(args);
    } finally {
      to.pending -= owed;
      if (to === spare) heardAt = performance.now();
      else closeIfIdle(to);
    }
  };
  const closeIfIdle = (one: Spare): void => {
    const isWaitedFor = one.pending > 0 && performance.now() - one.leftAt < unreachableMs;
    if (isWaitedFor || !left.delete(one)) return;
    one.connection.close();
  };
  const leaveSpare = (): void => {
    const one = spare;
    spare = undefined;
    if (one === undefined) return;
    // It may be slow only, and what it owes is not all sent again.
    one.leftAt = performance.now();
    left.add(one);
    for (const each of left) closeIfIdle(each);
  };
  const openSpare = (now: number): void => {
    leaveSpare();
    spare = { connection: port.connect(), openedAt: now, pending: 0, leftAt: 0 };
    heardAt = now;
  };

  return {
    command: (args) => (spare === undefined ? listened(port.command(args)) : over(spare, args, 1)),
    patientCommand: (args) => (spare === undefined ? listened(port.patientCommand(args)) : over(spare, args, 0)),
    isLost(sentAt) {
      if (isClosed) return false;
      if (spare !== undefined && spare.openedAt > sentAt) return true;
      const now = performance.now();
      if (now - heardAt < quietMs) return false;
      const wasClient = spare === undefined;
      openSpare(now);
      if (wasClient) port.command(['PING']).then(leaveSpare, leaveSpare);
      return true;
    },
    close() {
      isClosed = true;
      leaveSpare();
      for (const one of left) one.connection.close();
      left.clear();
    },
  };
};
