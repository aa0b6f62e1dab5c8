/**
 * The connections of PostgreSQL, as small a part of them as the store needs, so that any client fits: a pool of `pg`
 * (node-postgres) or of anything shaped like it, or a client with transactions of its own, for example PGlite.
 */
import { ChatKitError } from '@chatkit/core';
import {
  inTransaction,
  type SqlPort,
  type SqlQuery,
  type SqlRow,
  savepointOn,
  type TransactionSteps,
  transactionOn,
} from '../shared/sql-port.ts';
import { within } from './within.ts';

/** Runs one statement with `$1`, `$2`… and resolves to its rows as objects. */
export interface PostgresQueryable {
  // biome-ignore lint/suspicious/noExplicitAny: clients type their rows and values as they like; nothing of it leaves here.
  query(text: string, values?: any[]): Promise<{ rows: any[] }>;
}

/** A connection that is this caller's own until it is released. */
export interface PostgresConnection extends PostgresQueryable {
  /** Gives the connection back; `true` closes it instead. */
  release(destroy?: boolean): void;
  /** `pg` reports a connection that is lost between two statements as an event. */
  on?(event: 'error', listener: (error: Error) => void): unknown;
  /** What `LISTEN` asked for. Only leases need it. */
  on?(event: 'notification', listener: (message: { channel: string; payload?: string | undefined }) => void): unknown;
  off?(event: 'error', listener: (error: Error) => void): unknown;
}

/** Fits `pg.Pool`. A single `pg.Client` does not fit: requests would meet inside each other's transactions. */
export interface PostgresPool extends PostgresQueryable {
  connect(): Promise<PostgresConnection>;
  /** `pg` reports a connection that is lost while nobody uses it as an event, and has dropped it by then. */
  on?(event: 'error', listener: (error: Error) => void): unknown;
}

/** Fits PGlite. While a transaction is open, other statements wait inside the client. */
export interface PostgresTransactor extends PostgresQueryable {
  transaction<T>(work: (connection: PostgresQueryable) => Promise<T>): Promise<T>;
}

export type PostgresClient = PostgresPool | PostgresTransactor;

/** How long the store waits before a call fails, in milliseconds. */
export interface PostgresLimits {
  /** For a connection of its own. */
  readonly connectTimeoutMs: number;
  /** For the answer to each statement. */
  readonly statementTimeoutMs: number;
  /**
   * For the next statement of a transaction, by PostgreSQL's own clock: then it ends the session, with its locks. A
   * machine that is suspended in between, or has lost its network, would keep them for hours. 0: as the session has it.
   */
  readonly idleTimeoutMs: number;
}

export const noLimits: PostgresLimits = {
  connectTimeoutMs: Number.POSITIVE_INFINITY,
  statementTimeoutMs: Number.POSITIVE_INFINITY,
  idleTimeoutMs: 0,
};

/** The port over a client. `before` is waited for by every call: the migrations. */
export const createPostgresPort = (
  client: PostgresClient,
  limits: PostgresLimits,
  before: () => Promise<void>,
): SqlPort => {
  const statement: SqlQuery = async (text, values) => {
    await before();
    if ('transaction' in client) return queryOf(client, limits)(text, values);
    return withConnection(client, limits, (query) => query(text, values));
  };
  return {
    read: statement,
    async write(text, values) {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await statement(text, values);
        } catch (error) {
          if (!wasGivenUp(error) || attempt === attempts) throw error;
        }
      }
    },
    async transaction(work) {
      await before();
      return transact(client, limits, work);
    },
  };
};

/** How often one write is sent that loses against others. */
const attempts = 20;

/** Runs `work` in a transaction on a connection of its own. */
const transact = async <T>(
  client: PostgresClient,
  limits: PostgresLimits,
  work: (port: SqlPort) => Promise<T>,
): Promise<T> => {
  try {
    if ('transaction' in client) return await transactInside(client, limits, work);
    return await withConnection(client, limits, (query, onBroken) =>
      inTransaction(transactionSteps(query, limits), work, onBroken),
    );
  } catch (error) {
    if (!wasGivenUp(error)) throw error;
    throw new ChatKitError('internal', 'PostgreSQL gave this transaction up because of another one.', {
      retryable: true,
      cause: error,
    });
  }
};

const transactionSteps = (query: SqlQuery, { idleTimeoutMs }: PostgresLimits): TransactionSteps => {
  // Stated, because the row locks are made for it: under a stricter default they would end in errors instead of
  // waiting.
  const steps = transactionOn(query, 'BEGIN ISOLATION LEVEL READ COMMITTED');
  if (idleTimeoutMs === 0) return steps;
  return {
    ...steps,
    async begin() {
      await steps.begin();
      await query("SELECT set_config('idle_in_transaction_session_timeout', $1, true)", [`${idleTimeoutMs}`]);
    },
  };
};

/** The client says BEGIN and COMMIT; a savepoint inside gives the work the same port as everywhere. */
const transactInside = <T>(
  client: PostgresTransactor,
  limits: PostgresLimits,
  work: (port: SqlPort) => Promise<T>,
): Promise<T> => {
  let begin = (): void => {};
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  let isAwaited = true;
  const done = client.transaction(async (connection) => {
    begin();
    if (!isAwaited) throw noConnection(limits);
    return inTransaction(savepointOn(queryOf(connection, limits)), work);
  });
  done.then(begin, begin); // one that has failed without a beginning is not waited for either
  const turn = within(begun, limits.connectTimeoutMs, () => {
    isAwaited = false;
    return noConnection(limits);
  });
  return turn.then(() => done);
};

/**
 * Lends a connection to `use`. One that is lost, that owes an answer or that `onBroken` is told of is closed
 * afterwards, every other one is given back; also one that comes when nobody waits any more.
 */
const withConnection = async <T>(
  pool: PostgresPool,
  limits: PostgresLimits,
  use: (query: SqlQuery, onBroken: () => void) => Promise<T>,
): Promise<T> => {
  let isAwaited = true;
  const connecting = pool.connect().then((connection) => {
    if (!isAwaited) connection.release();
    return connection;
  });
  const connection = await within(connecting, limits.connectTimeoutMs, () => {
    isAwaited = false;
    return noConnection(limits);
  });
  if (typeof connection?.release !== 'function')
    throw new TypeError('createPostgresStore needs a pool (pg.Pool), not a single connection.');
  let broken = false;
  const onBroken = (): void => {
    broken = true;
  };
  // Nobody else listens while it is lent out, and an `error` that nobody listens to ends the process. The statement
  // that comes next fails, so nothing is lost by not passing it on.
  connection.on?.('error', onBroken);
  try {
    return await use(queryOf(connection, limits, onBroken), onBroken);
  } finally {
    connection.off?.('error', onBroken);
    connection.release(broken);
  }
};

/** Once an answer has not come, nothing more is asked: it would wait behind what is owed. */
const queryOf = (client: PostgresQueryable, limits: PostgresLimits, onBroken: () => void = () => {}): SqlQuery => {
  let silent: ChatKitError | undefined;
  const tooLate = (): ChatKitError => {
    onBroken();
    silent = new ChatKitError('internal', `PostgreSQL has not answered within ${limits.statementTimeoutMs} ms.`, {
      retryable: true,
    });
    return silent;
  };
  return async (text, values) => {
    if (silent !== undefined) throw silent;
    const { rows } = await within(client.query(text, [...values]), limits.statementTimeoutMs, tooLate);
    return rows as SqlRow[];
  };
};

const noConnection = ({ connectTimeoutMs }: PostgresLimits): ChatKitError =>
  new ChatKitError('internal', `No connection to PostgreSQL was free within ${connectTimeoutMs} ms.`, {
    retryable: true,
  });

/** `serialization_failure` and `deadlock_detected`: nothing has happened, and the next time it may. */
const wasGivenUp = (error: unknown): boolean => {
  const { code } = (error ?? {}) as { code?: unknown };
  return code === '40001' || code === '40P01';
};
