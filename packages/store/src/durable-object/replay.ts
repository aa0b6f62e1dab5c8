/**
 * Transactions for a database that cannot keep one open across an `await`. `storage.transaction(work)` can, but it
 * blocks all other events of the object meanwhile, for up to 30 seconds, and unrelated calls would end up inside it,
 * since there is only one connection.
 *
 * So a transaction is a list of its writes. To answer a statement inside it, the writes that the statement depends on
 * are replayed, the statement is run, and all of that is rolled back, within one turn of the event loop. On commit the
 * list is replayed once more and kept. Nothing is visible outside before that, a nested transaction is rolled back by
 * dropping its writes, and an object that dies leaves nothing half done.
 *
 * The price: a write runs twice, and a read replays all writes before it.
 */
import { ChatKitError } from '@chatkit/core';
import type { SqlRow, TransactionSteps } from '../shared/sql-port.ts';
import type { ObjectDatabase } from './object-storage.ts';

interface Write {
  readonly text: string;
  readonly values: readonly unknown[];
  /** The result that `work` was given for it, as JSON; `undefined` if the statement returns none. */
  readonly told: string | undefined;
}

/** A transaction. Its caller must hold the writer lock. */
export const createReplay = (database: ObjectDatabase): TransactionSteps => {
  const writes: Write[] = [];
  return {
    ...createPart(database, writes),
    async commit() {
      database.inOnePiece(() => {
        for (const { text, values, told } of writes) {
          const rows = database.run(text, values);
          if (told !== undefined && told !== JSON.stringify(rows)) throw changedMeanwhile();
        }
      });
    },
  };
};

/** A nested part of the transaction, whose writes can be dropped on their own. */
const createPart = (database: ObjectDatabase, writes: Write[]): TransactionSteps => {
  const start = writes.length;
  const after = (played: readonly Write[], text: string, values: readonly unknown[]): readonly SqlRow[] =>
    database.tried(() => {
      for (const each of played) database.run(each.text, each.values);
      return database.run(text, values);
    });
  return {
    async read(text, values) {
      return writes.length === 0 ? database.run(text, values) : after(writes, text, values);
    },
    async write(text, values) {
      if (!text.includes('RETURNING')) {
        database.assertFits(values);
        writes.push({ text, values, told: undefined });
        return [];
      }
      const rows = after(
        writes.filter((each) => isOfThread(each, values)),
        text,
        values,
      );
      writes.push({ text, values, told: JSON.stringify(rows) });
      return rows;
    },
    begin: async () => {},
    commit: async () => {},
    async rollback() {
      writes.length = start;
    },
    nested: () => createPart(database, writes),
  };
};

/**
 * Whether `write` changes the thread that a write with `values` belongs to. The result of such a write (a version, or
 * whether the thread exists) depends only on the thread's own row, so a thousand items in one transaction are not
 * replayed a thousand times. If a statement ever depended on more, its result on commit would differ from the one that
 * was given, and the transaction would fail.
 */
const isOfThread = ({ text, values: [user, thread] }: Write, values: readonly unknown[]): boolean =>
  writesThread.test(text) && user === values[0] && thread === values[1];

const writesThread = /^(INSERT INTO|UPDATE|DELETE FROM) chatkit_thread\b/;

const changedMeanwhile = (): ChatKitError =>
  new ChatKitError(
    'internal',
    'Something other than the store has changed its tables during a transaction. Try again.',
    {
      retryable: true,
    },
  );
