/**
 * Signals between machines by `NOTIFY`, which PostgreSQL sends with the transaction that they are a part of. Who
 * listens has a connection of its own for it. It is asked for a sign of life now and then, because one that has died
 * without an end says nothing any more; what is said until there is a new one is lost.
 */
import { createSignalHub, type LeaseSignal, type LeaseSignals } from '../shared/lease-signals.ts';
import type { PostgresConnection, PostgresPool } from './postgres-client.ts';
import { within } from './within.ts';

export interface PostgresSignalsOptions {
  readonly client: PostgresPool;
  /** How often a sign of life is asked for, and how long it may take. */
  readonly quietMs: number;
}

const channel = 'chatkit_lease';

/** How long a decision waits for the connection that listens. */
const longestWaitMs = 500;

export const createPostgresSignals = ({ client, quietMs }: PostgresSignalsOptions): LeaseSignals => {
  const hub = createSignalHub();
  /** What this lease has sent, it has told itself. */
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
  /** Whoever misses a signal meanwhile asks. */
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
    within(on.query(text), quietMs, () => new Error('PostgreSQL gives no sign of life.'));
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
    // Without a listener an `error` would end the process.
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
      // What is said to a machine that has been granted a run is heard, but where there is no connection to hear it
      // with.
      if (state !== 'connecting') return;
      await within(connecting, longestWaitMs, () => new Error('No connection to listen with.')).catch(() => {
        connecting = Promise.resolve();
      });
    },
    close() {
      state = 'closed';
      clearTimeout(timer);
      hub.close();
      // Not for another one's use: it listens.
      connection?.release(true);
      connection = undefined;
    },
  };
};

/**
 * What a message says; nothing when it is not ours: whoever may connect may speak here, and an error would end the
 * process.
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
