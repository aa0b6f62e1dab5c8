/**
 * The interface between the SQL stores and their databases: statements that return rows, and transactions. `$1`, `$2`…
 * stand for the values. A driver provides the connections; what happens between BEGIN and COMMIT is implemented here
 * for all of them.
 */
import { transactionEnded } from './store-error.ts';
import { createWriterLock } from './writer-lock.ts';

export type SqlRow = Readonly<Record<string, unknown>>;
/** Runs one statement on one connection. */
export type SqlQuery = (text: string, values: readonly unknown[]) => Promise<readonly SqlRow[]>;

export interface SqlPort {
  read: SqlQuery;
  write: SqlQuery;
  /** Runs `work` between BEGIN and COMMIT; on a port that already is in a transaction, in a savepoint. */
  transaction<T>(work: (port: SqlPort) => Promise<T>): Promise<T>;
}

/** A transaction that a driver is about to open: the queries inside it, and the steps around them. */
export interface TransactionSteps {
  readonly read: SqlQuery;
  readonly write: SqlQuery;
  begin(): Promise<unknown>;
  commit(): Promise<unknown>;
  rollback(): Promise<unknown>;
  /** A nested transaction that can be rolled back on its own. Called while this one is open. */
  nested(): TransactionSteps;
}

/** A transaction on the connection of `query`. `begin` is the statement that starts one that writes. */
export const transactionOn = (query: SqlQuery, begin: string): TransactionSteps =>
  statements(query, begin, 'COMMIT', ['ROLLBACK']);

/** A savepoint in the transaction that is open on the connection of `query`. */
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
 * Runs `work` in a transaction on a connection that nobody else uses meanwhile. Statements and nested transactions run
 * one after another, so that a statement issued beside a nested transaction is never rolled back with it. Rejects with
 * what `work` threw.
 *
 * A statement that fails also fails the transaction, even if `work` catches its error: PostgreSQL rolls such a
 * transaction back at COMMIT and reports success, and SQLite may have rolled it back already, so that the next
 * statement would run outside of it.
 *
 * `onBroken` is called when BEGIN or ROLLBACK has failed: a transaction may still be open on the connection.
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
  /** Waits for all statements, however long that takes, because they still use the connection. */
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
    // Statements that `work` issued and did not await still belong to the transaction.
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
