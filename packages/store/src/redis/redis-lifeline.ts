/**
 * Sends commands over the application's client, and over a spare connection while the client's is silent. A connection
 * can be half-open (the other machine is gone, a gateway has dropped it), and then the client never settles the
 * commands that it has sent.
 *
 * A caller whose answer is overdue asks whether the answer may be lost. A connection on which anything still arrives is
 * only slow, since answers keep their order. A silent one is abandoned, and commands that may be sent twice are sent
 * again. A PING is queued on the client behind what it owes: once that is answered, or the client notices that its
 * connection is dead, commands go to the client again.
 */
import type { RedisConnection, RedisPort } from './redis-client.ts';

export interface Lifeline extends Pick<RedisPort, 'command' | 'patientCommand'> {
  /**
   * Whether the answer to a command sent at this time, by `performance.now()`, may never come. Abandons a silent
   * connection.
   */
  isLost(sentAt: number): boolean;
  /** Closes the spare connections. */
  close(): void;
}

/** How long an answer may take before it is overdue. Sending again then costs only work. */
export const overdueMs = (unreachableMs: number): number => Math.min(2_000, unreachableMs / 4);

/** A spare connection, besides the client's own. */
interface Spare {
  readonly connection: RedisConnection;
  readonly openedAt: number;
  /** How many calls wait for answers on it and will not be sent again. */
  pending: number;
  leftAt: number;
}

export interface LifelineOptions {
  /** How long a connection that owes an answer may be silent. */
  readonly quietMs: number;
  /**
   * How long calls wait for their answers at most. A connection that was abandoned longer ago owes nothing that anybody
   * still waits for.
   */
  readonly unreachableMs: number;
}

export const createLifeline = (port: RedisPort, { quietMs, unreachableMs }: LifelineOptions): Lifeline => {
  let spare: Spare | undefined;
  /** Abandoned connections that still owe answers. */
  const left = new Set<Spare>();
  /** When the connection in use was opened, or last delivered an answer. */
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
    // Not closed yet: it may only be slow, and not everything that it owes is sent again.
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
