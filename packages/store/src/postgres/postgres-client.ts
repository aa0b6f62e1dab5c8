/**
 * The connections of PostgreSQL, as small a part of them as the store needs, so that any client fits: a pool of `pg`
 * (node-postgres) or of anything shaped like it, or a client with transactions of its own, for example PGlite.
 */
import {
  inTransaction,
  type SqlPort,
  type SqlQuery,
  type SqlRow,
  savepointWords,
  transactionWords,
} from '../shared/sql-port.ts';

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
  off?(event: 'error', listener: (error: Error) => void): unknown;
}

/** Fits `pg.Pool`. A single `pg.Client` does not fit: requests would meet inside each other's transactions. */
export interface PostgresPool extends PostgresQueryable {
  connect(): Promise<PostgresConnection>;
}

/** Fits PGlite. While a transaction is open, other statements wait inside the client. */
export interface PostgresTransactor extends PostgresQueryable {
  transaction<T>(work: (connection: PostgresQueryable) => Promise<T>): Promise<T>;
}

export type PostgresClient = PostgresPool | PostgresTransactor;

const queryOf =
  (client: PostgresQueryable): SqlQuery =>
  async (text, values) =>
    (await client.query(text, [...values])).rows as SqlRow[];

/** The port over a client. `before` is waited for by every call: the migrations. */
export const createPostgresPort = (client: PostgresClient, before: () => Promise<void>): SqlPort => {
  const query = queryOf(client);
  const statement: SqlQuery = async (text, values) => {
    await before();
    return query(text, values);
  };
  return {
    read: statement,
    write: statement,
    async transaction(work) {
      await before();
      return transact(client, work);
    },
  };
};

/** Runs `work` in a transaction on a connection of its own. */
export const transact = async <T>(client: PostgresClient, work: (port: SqlPort) => Promise<T>): Promise<T> => {
  if ('transaction' in client) {
    // The client says BEGIN and COMMIT; a savepoint inside gives the work the same port as everywhere.
    return client.transaction((connection) => inTransaction(queryOf(connection), savepointWords, work));
  }
  const connection = await client.connect();
  if (typeof connection?.release !== 'function')
    throw new TypeError('createPostgresStore needs a pool (pg.Pool), not a single connection.');
  let broken = false;
  const onBroken = (): void => {
    broken = true;
  };
  // Nobody else listens while it is lent out, and an `error` that nobody listens to ends the process. The statement that
  // comes next fails, so nothing is lost by not passing it on.
  connection.on?.('error', onBroken);
  try {
    return await inTransaction(queryOf(connection), transactionWords('BEGIN'), work, onBroken);
  } finally {
    connection.off?.('error', onBroken);
    connection.release(broken);
  }
};
