/**
 * Commands over the application's client, and over a connection of our own while that one says nothing. A connection can die without
 * an end (its machine is gone, a gateway has forgotten it), and then a client never settles what it has sent into it.
 *
 * Whoever sees that an answer is overdue says so, and sends again what may be sent twice. The client is asked for a sign of life behind
 * what it owes: once it gives one, or notices that its connection is dead, commands go to it again.
 */
import type { RedisConnection, RedisPort } from './redis-client.ts';

export interface Lifeline extends Pick<RedisPort, 'command' | 'patientCommand'> {
  /** What was sent at this time, by `performance.now()`, has had no answer for too long. */
  late(sentAt: number): void;
  /** Ends the connection of our own. */
  close(): void;
}

/** How long an answer may take before it is overdue: asking again then does no harm but work. */
export const overdueMs = (unreachableMs: number): number => Math.min(2_000, unreachableMs / 4);

interface Spare {
  readonly connection: RedisConnection;
  readonly openedAt: number;
  pending: number;
}

export const createLifeline = (port: RedisPort): Lifeline => {
  let spare: Spare | undefined;
  let isClosed = false;

  const over = async (to: Spare, args: readonly string[]): Promise<unknown> => {
    to.pending += 1;
    try {
      return await to.connection.command(args);
    } finally {
      to.pending -= 1;
      // It was left behind; this was the last that it owed.
      if (to !== spare && to.pending === 0) to.connection.close();
    }
  };
  const openSpare = (): void => {
    spare = { connection: port.connect(), openedAt: performance.now(), pending: 0 };
  };
  const leaveSpare = (): void => {
    const left = spare;
    spare = undefined;
    if (left?.pending === 0) left.connection.close();
  };

  return {
    command: (args) => (spare === undefined ? port.command(args) : over(spare, args)),
    patientCommand: (args) => (spare === undefined ? port.patientCommand(args) : over(spare, args)),
    late(sentAt) {
      if (isClosed) return;
      if (spare === undefined) {
        openSpare();
        port.command(['PING']).then(leaveSpare, leaveSpare);
      } else if (spare.openedAt <= sentAt) {
        // It says nothing either. What it owes is sent again by whoever waits for it.
        spare.connection.close();
        openSpare();
      }
    },
    close() {
      isClosed = true;
      spare?.connection.close();
      spare = undefined;
    },
  };
};
