/**
 * What the SQL store needs of a database: rows for a statement, and transactions. `$1`, `$2`… stand for the values.
 * A driver brings its connections; the words between BEGIN and COMMIT are here, once.
 */
import { transactionEnded } from './store-error.ts';
import { createWriterLock } from './writer-lock.ts';

export type SqlRow = Readonly<Record<string, unknown>>;
/** Runs one statement on one connection. */
export type SqlQuery = (text: string, values: readonly unknown[]) => Promise<readonly SqlRow[]>;

export interface SqlPort {
  read: SqlQuery;
  write: SqlQuery;
  /** Runs `work` between BEGIN and COMMIT; on a port that is in a transaction already, in a savepoint. */
  transaction<T>(work: (port: SqlPort) => Promise<T>): Promise<T>;
}

/** The statements around a transaction, and how to leave it. */
export interface TransactionWords {
  readonly begin: string;
  readonly commit: string;
  readonly rollback: readonly string[];
}

/** A transaction of its own. `begin` is what starts a transaction that writes. */
export const transactionWords = (begin: string): TransactionWords => ({
  begin,
  commit: 'COMMIT',
  rollback: ['ROLLBACK'],
});

/** A part of a transaction that is open already. */
export const savepointWords: TransactionWords = {
  begin: 'SAVEPOINT chatkit',
  commit: 'RELEASE SAVEPOINT chatkit',
  rollback: ['ROLLBACK TO SAVEPOINT chatkit', 'RELEASE SAVEPOINT chatkit'],
};

/**
 * Runs `work` in a transaction on a connection that nobody else uses meanwhile. Statements run one after another, nested
 * transactions included, so that what was asked for beside a nested one is never undone with it. Rejects with what `work`
 * threw.
 *
 * A statement that failed fails the transaction, also when `work` caught its error: PostgreSQL undoes such a transaction at
 * its COMMIT and reports success, and SQLite may have undone it by then, so that the next statement would stand alone.
 *
 * `onBroken` is told when the connection could not begin or not even roll back: a transaction may be open on it.
 */
export const inTransaction = async <T>(
  query: SqlQuery,
  words: TransactionWords,
  work: (port: SqlPort) => Promise<T>,
  onBroken: (error: unknown) => void = () => {},
): Promise<T> => {
  const lock = createWriterLock();
  let state: 'open' | 'ended' = 'open';
  let failure: { readonly error: unknown } | undefined;
  const fail = (error: unknown): void => {
    failure ??= { error };
  };
  const run = async <R>(step: () => Promise<R>): Promise<R> => {
    if (state === 'ended') throw transactionEnded();
    return lock.run(() => {
      if (failure !== undefined) throw failure.error;
      return step();
    });
  };
  const statement: SqlQuery = (text, values) =>
    run(async () => {
      try {
        return await query(text, values);
      } catch (error) {
        fail(error);
        throw error;
      }
    });
  const port: SqlPort = {
    read: statement,
    write: statement,
    transaction: (inner) =>
      run(() =>
        inTransaction(query, savepointWords, inner, (error) => {
          fail(error);
          onBroken(error);
        }),
      ),
  };
  /** However long it takes: what was asked for may still use the connection. */
  const end = (): Promise<void> =>
    lock.settled(() => {
      state = 'ended';
    });

  try {
    await query(words.begin, []);
  } catch (error) {
    onBroken(error);
    throw error;
  }
  try {
    const result = await work(port);
    // What the work asked for and did not wait for still belongs to it.
    await end();
    if (failure !== undefined) throw failure.error;
    await query(words.commit, []);
    return result;
  } catch (error) {
    await end();
    try {
      for (const text of words.rollback) await query(text, []);
    } catch (broken) {
      onBroken(broken);
    }
    throw error;
  }
};
