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
 * threw; `onBroken` is told when the connection could not even roll back.
 */
export const inTransaction = async <T>(
  query: SqlQuery,
  words: TransactionWords,
  work: (port: SqlPort) => Promise<T>,
  onBroken: (error: unknown) => void = () => {},
): Promise<T> => {
  const lock = createWriterLock();
  let open = true;
  const statement: SqlQuery = async (text, values) => {
    if (!open) throw transactionEnded();
    return lock.run(() => query(text, values));
  };
  const port: SqlPort = {
    read: statement,
    write: statement,
    async transaction(inner) {
      if (!open) throw transactionEnded();
      return lock.run(() => inTransaction(query, savepointWords, inner, onBroken));
    },
  };
  await query(words.begin, []);
  try {
    const result = await work(port);
    // What the work asked for and did not wait for still belongs to it.
    await lock.run(() => {
      open = false;
    });
    await query(words.commit, []);
    return result;
  } catch (error) {
    await lock.run(() => {
      open = false;
    });
    try {
      for (const text of words.rollback) await query(text, []);
    } catch (broken) {
      onBroken(broken);
    }
    throw error;
  }
};
