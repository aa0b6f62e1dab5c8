/**
 * Signals between machines (stop a run, a thread is free) by `NOTIFY`, which PostgreSQL delivers when the sending
 * transaction commits. A lease listens on a connection of its own, and sends a query on it now and then, because a
 * half-open connection reports no error. Signals that are sent before a new connection listens are lost.
 */
import { createSignalHub, type LeaseSignal, type LeaseSignals } from '../shared/lease-signals.ts';
import type { PostgresConnection, PostgresPool } from './postgres-client.ts';
import { within } from './within.ts';

export interface PostgresSignalsOptions {
  readonly client: PostgresPool;
  /** How often the listening connection is checked, and how long the check may take. */
  readonly quietMs: number;
}

const channel = 'chatkit_lease';

/** How long a decision waits for the listening connection to be ready. */
const longestWaitMs = 500;

export const createPostgresSignals = ({ client, quietMs }: PostgresSignalsOptions): LeaseSignals => {
  const hub = createSignalHub();
  /** Messages carry the sender, because a lease delivers its own signals to itself directly. */
  const sender = crypto.randomUUID();
  let state: 'deaf' | 'connecting' | 'listening' | 'closed' = 'deaf';
  let connection: PostgresConnection | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let connecting: Promise<void> = Promise.resolve();

  const isClosed = () => state === 'closed';
  const hear = (payload: string | undefined): void => {
    const [from, id, cause] = readMessage(payload);
    if (id === undefined || from === sender) return;
    hub.hear(cause === undefined ? { threadId: id } : { runId: id, cause });
  };
  const wait = (work: () => void, ms: number): void => {
    clearTimeout(timer);
    timer = setTimeout(work, ms);
    (timer as { unref?: () => void }).unref?.();
  };
  /** Signals that are missed meanwhile are made up for by polling. */
  const listenAgain = (ms: number): void => {
    if (isClosed()) return;
    state = 'deaf';
    wait(listen, ms);
  };
  const lose = (lost: PostgresConnection, ms: number): void => {
    if (connection !== lost) return;
    connection = undefined;
    lost.release(true);
    listenAgain(ms);
  };
  const answer = (on: PostgresConnection, text: string) =>
    within(on.query(text), quietMs, () => new Error('PostgreSQL did not answer on the listening connection.'));
  const ask = async (on: PostgresConnection): Promise<void> => {
    try {
      await answer(on, 'SELECT 1');
      if (connection === on) wait(() => void ask(on), quietMs);
    } catch {
      lose(on, 0);
    }
  };
  const listen = (): void => {
    if (state !== 'deaf') return;
    state = 'connecting';
    connecting = connect();
  };
  const connect = async (): Promise<void> => {
    let own: PostgresConnection;
    try {
      own = await client.connect();
    } catch {
      return listenAgain(quietMs);
    }
    if (isClosed()) return own.release();
    connection = own;
    // An `error` event without a listener would end the process.
    own.on?.('error', () => lose(own, 0));
    own.on?.('notification', (message) => {
      if (message.channel === channel) hear(message.payload);
    });
    try {
      await answer(own, `LISTEN ${channel}`);
      if (connection !== own) return;
      state = 'listening';
      wait(() => void ask(own), quietMs);
    } catch {
      lose(own, quietMs);
    }
  };

  return {
    hub: {
      ...hub,
      onStop(listener) {
        listen();
        return hub.onStop(listener);
      },
      onFree(listener) {
        listen();
        return hub.onFree(listener);
      },
    },
    tell: hub.hear,
    async send(db, signal: LeaseSignal) {
      const said = signal.cause === undefined ? [signal.threadId] : [signal.runId, signal.cause];
      await db.read('SELECT pg_notify($1, $2)', [channel, JSON.stringify([sender, ...said])]);
    },
    async attend() {
      // A machine that is granted a run must be able to hear stop requests for it, so it waits for a connection that is
      // being opened.
      if (state !== 'connecting') return;
      await within(connecting, longestWaitMs, () => new Error('The listening connection is not ready.')).catch(() => {
        connecting = Promise.resolve();
      });
    },
    close() {
      state = 'closed';
      clearTimeout(timer);
      hub.close();
      // Closed and not returned to the pool, because it still listens.
      connection?.release(true);
      connection = undefined;
    },
  };
};

/**
 * Parses a message; empty if it is not one of ours. Anyone who can connect can send to the channel, and an error thrown
 * here would end the process.
 */
const readMessage = (payload = ''): readonly [from?: string, id?: string, cause?: string] => {
  try {
    const said: unknown = JSON.parse(payload);
    return Array.isArray(said) && said.every((each) => typeof each === 'string')
      ? (said as [string?, string?, string?])
      : [];
  } catch {
    return [];
  }
};
