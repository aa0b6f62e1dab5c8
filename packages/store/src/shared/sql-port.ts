/**
 * What the SQL store needs of a database: rows for a statement, and transactions. `$1`, `$2`… stand for the values.
 * A driver brings its connections; what happens between BEGIN and COMMIT is here, once.
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

/** A transaction that a driver is about to open: what runs inside of it, and the steps around that. */
export interface TransactionSteps {
  readonly read: SqlQuery;
  readonly write: SqlQuery;
  begin(): Promise<unknown>;
  commit(): Promise<unknown>;
  rollback(): Promise<unknown>;
  /** A part of this one that can be undone by itself. Asked for while this one is open. */
  nested(): TransactionSteps;
}

/** A transaction on the connection of `query`. `begin` is the statement that starts one that writes. */
export const transactionOn = (query: SqlQuery, begin: string): TransactionSteps =>
  statements(query, begin, 'COMMIT', ['ROLLBACK']);

/** A part of a transaction that is open on the connection of `query`. */
export const savepointOn = (query: SqlQuery): TransactionSteps =>
  statements(query, 'SAVEPOINT chatkit', 'RELEASE SAVEPOINT chatkit', [
    'ROLLBACK TO SAVEPOINT chatkit',
    'RELEASE SAVEPOINT chatkit',
  ]);

const statements = (query: SqlQuery, begin: string, commit: string, rollback: readonly string[]): TransactionSteps => ({
  read: query,
  write: query,
  begin: () => query(begin, []),
  commit: () => query(commit, []),
  async rollback() {
    for (const text of rollback) await query(text, []);
  },
  nested: () => savepointOn(query),
});

/**
 * Runs `work` in a transaction on a connection that nobody else uses meanwhile. Statements run one after another,
 * nested transactions included, so that what was asked for beside a nested one is never undone with it. Rejects with
 * what `work` threw.
 *
 * A statement that failed fails the transaction, also when `work` caught its error: PostgreSQL undoes such a
 * transaction at its COMMIT and reports success, and SQLite may have undone it by then, so that the next statement
 * would stand alone.
 *
 * `onBroken` is told when the connection could not begin or not even roll back: a transaction may be open on it.
 */
export const inTransaction = async <T>(
  steps: TransactionSteps,
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
  const guarded =
    (query: SqlQuery): SqlQuery =>
    (text, values) =>
      run(async () => {
        try {
          return await query(text, values);
        } catch (error) {
          fail(error);
          throw error;
        }
      });
  const port: SqlPort = {
    read: guarded(steps.read),
    write: guarded(steps.write),
    transaction: (inner) =>
      run(() =>
        inTransaction(steps.nested(), inner, (error) => {
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
    await steps.begin();
  } catch (error) {
    onBroken(error);
    throw error;
  }
  try {
    const result = await work(port);
    // What the work asked for and did not wait for still belongs to it.
    await end();
    if (failure !== undefined) throw failure.error;
    await steps.commit();
    return result;
  } catch (error) {
    await end();
    try {
      await steps.rollback();
    } catch (broken) {
      onBroken(broken);
    }
    throw error;
  }
};
