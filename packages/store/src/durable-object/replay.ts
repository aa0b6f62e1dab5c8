/**
 * A transaction in a database that keeps none open while JavaScript waits. `storage.transaction(work)` would, but it
 * stops all other events of the object meanwhile, for 30 seconds at most, and calls from outside would meet in it:
 * there is one connection.
 *
 * So a transaction is the list of its writes. To answer a statement inside of it, the writes that it depends on are
 * played, the statement is run, and all of that is undone again, in one turn; at the end the list is played once more,
 * and stays. Nobody outside sees anything before, a nested transaction is undone by forgetting its writes, and an
 * object that dies leaves nothing half done.
 *
 * The price: a write runs twice, and a read plays all writes before it.
 */
import { ChatKitError } from '@chatkit/core';
import type { SqlRow, TransactionSteps } from '../shared/sql-port.ts';
import type { ObjectDatabase } from './object-storage.ts';

interface Write {
  readonly text: string;
  readonly values: readonly unknown[];
  /** The answer that the work has had and has built upon; `undefined` when there is none. */
  readonly told: string | undefined;
}

/** A transaction that nobody else writes beside. */
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

/** What comes behind the writes so far, and can be forgotten by itself. */
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
 * Whether `write` changes the thread that a write of `values` belongs to. The answer of one (a version, or that the
 * thread is there) depends on nothing else, so a thousand items in one transaction are not played a thousand times. If
 * a statement ever depends on more, its answer at the end differs from the one that was given, and the transaction
 * fails.
 */
const isOfThread = ({ text, values: [user, thread] }: Write, values: readonly unknown[]): boolean =>
  writesThread.test(text) && user === values[0] && thread === values[1];

const writesThread = /^(INSERT INTO|UPDATE|DELETE FROM) chatkit_thread\b/;

const changedMeanwhile = (): ChatKitError =>
  new ChatKitError('internal', 'Something beside the store has written to its tables during a transaction.', {
    retryable: true,
  });
