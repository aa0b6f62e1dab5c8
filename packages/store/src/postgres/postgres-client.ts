/**
 * The part of a PostgreSQL client that the store needs, kept small so that any client fits: a pool of `pg`
 * (node-postgres) or anything shaped like it, or a client with a `transaction` method, for example PGlite.
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
import { isAway } from './patient-port.ts';
import { within } from './within.ts';

/** Runs one statement with `$1`, `$2`… and resolves to its rows as objects. */
export interface PostgresQueryable {
  // biome-ignore lint/suspicious/noExplicitAny: clients type their rows and values as they like; nothing of it leaves here.
  query(text: string, values?: any[]): Promise<{ rows: any[] }>;
}

/** A connection that belongs to one caller until it is released. */
export interface PostgresConnection extends PostgresQueryable {
  /** Gives the connection back; `true` closes it instead. */
  release(destroy?: boolean): void;
  /** `pg` emits this when the connection is lost between two statements. */
  on?(event: 'error', listener: (error: Error) => void): unknown;
  /** A message of `NOTIFY`. Only leases need it. */
  on?(event: 'notification', listener: (message: { channel: string; payload?: string | undefined }) => void): unknown;
  off?(event: 'error', listener: (error: Error) => void): unknown;
}

/** Fits `pg.Pool`. A single `pg.Client` does not fit: requests would end up inside each other's transactions. */
export interface PostgresPool extends PostgresQueryable {
  connect(): Promise<PostgresConnection>;
  /** `pg` emits this when an idle connection is lost; the pool has dropped it by then. */
  on?(event: 'error', listener: (error: Error) => void): unknown;
  /** `pg` emits this when a connection has been made, before it is lent out. */
  on?(event: 'connect', listener: (connection?: Pick<PostgresConnection, 'on'>) => void): unknown;
}

/** Fits PGlite. While a transaction is open, other statements wait inside the client. */
export interface PostgresTransactor extends PostgresQueryable {
  transaction<T>(work: (connection: PostgresQueryable) => Promise<T>): Promise<T>;
}

export type PostgresClient = PostgresPool | PostgresTransactor;

/** How long the store waits before a call fails, in milliseconds. */
export interface PostgresLimits {
  /** For a connection from the pool. */
  readonly connectTimeoutMs: number;
  /** For the result of each statement. */
  readonly statementTimeoutMs: number;
  /**
   * For the next statement of a transaction, enforced by PostgreSQL, which then ends the session and frees its locks.
   * Otherwise a machine that is suspended in a transaction, or cut off, would hold the locks for hours. 0: leave the
   * session's setting.
   */
  readonly idleTimeoutMs: number;
}

export const noLimits: PostgresLimits = {
  connectTimeoutMs: Number.POSITIVE_INFINITY,
  statementTimeoutMs: Number.POSITIVE_INFINITY,
  idleTimeoutMs: 0,
};

/** The SQL port over a client. Every call awaits `before` first, which runs the migrations. */
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

/** How many times a write is attempted that conflicts with others. */
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
    throw new ChatKitError(
      'internal',
      'PostgreSQL rolled this transaction back because it conflicted with another one. Try again.',
      {
        retryable: true,
        cause: error,
      },
    );
  }
};

const transactionSteps = (query: SqlQuery, { idleTimeoutMs }: PostgresLimits): TransactionSteps => {
  // Stated explicitly: under a stricter default isolation level, a conflict would be an error instead of a wait for the
  // row lock.
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

/** The client issues BEGIN and COMMIT; a savepoint inside gives `work` the same port as everywhere. */
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
  done.then(begin, begin); // do not wait for one that failed before it began
  const turn = within(begun, limits.connectTimeoutMs, () => {
    isAwaited = false;
    return noConnection(limits);
  });
  return turn.then(() => done);
};

/**
 * Lends a connection to `use`. Afterwards the connection is closed if it was lost, still owes a result, or was reported
 * by `onBroken`; otherwise it goes back to the pool. So does one that arrives after the wait for it timed out.
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
    throw new TypeError('`client` needs to be a pool, for example `new pg.Pool()`, not a single connection.');
  let broken = false;
  const onBroken = (): void => {
    broken = true;
  };
  // The pool does not listen while a connection is lent out, and an `error` event without a listener ends the process.
  // The next statement will fail, so the event need not be passed on.
  connection.on?.('error', onBroken);
  try {
    return await use(queryOf(connection, limits, onBroken), onBroken);
  } catch (error) {
    // The next connection may lead to the new primary.
    if (isAway(error)) broken = true;
    throw error;
  } finally {
    connection.off?.('error', onBroken);
    connection.release(broken);
  }
};

/**
 * Runs statements on a connection. After one has timed out the connection is not used again: the next would wait behind
 * it.
 */
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

/** `serialization_failure` and `deadlock_detected`: nothing was written, and a retry may succeed. */
const wasGivenUp = (error: unknown): boolean => {
  const { code } = (error ?? {}) as { code?: unknown };
  return code === '40001' || code === '40P01';
};
