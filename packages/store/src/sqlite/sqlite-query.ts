/**
 * Statements on one connection of SQLite, prepared once each, which wait for other processes without stopping the event
 * loop.
 */
import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { ChatKitError } from '@chatkit/core';
import { collect, pipe, retry } from '@chatkit/stream';
import type { SqlQuery, SqlRow } from '../shared/sql-port.ts';

/** Runs one statement on its connection, in this very call. Throws what SQLite says, also that the file is busy. */
export type SqliteRunner = (text: string, values: readonly unknown[]) => readonly SqlRow[];

export const createRunner = (database: DatabaseSync): SqliteRunner => {
  const prepared = new Map<string, Prepared>();
  return (text, values) => {
    let statement = prepared.get(text);
    if (statement === undefined) {
      statement = prepare(database, text);
      prepared.set(text, statement);
    }
    return statement.all(...statement.order.map((at) => values[at] as SQLInputValue));
  };
};

interface Prepared {
  /** Which value each `?` stands for. */
  readonly order: readonly number[];
  all(...values: SQLInputValue[]): readonly SqlRow[];
}

/**
 * As `?` for each `$1`, `$2`…, in the order in which they come: names take twice the time, and SQLite's own numbered
 * `?1` is refused by `node:sqlite` before 22.19 and 24.4 ("column index out of range").
 */
const prepare = (database: DatabaseSync, text: string): Prepared => {
  const order: number[] = [];
  const plain = text.replace(/\$(\d+)/g, (_, place: string) => {
    order.push(Number(place) - 1);
    return '?';
  });
  const statement = database.prepare(plain);
  // A time after 2255, or before 1684, is a number of microseconds that is refused otherwise.
  statement.setReadBigInts(true);
  return { order, all: (...values) => statement.all(...values) };
};

/**
 * Queries on the connection of `run`: call the result when something is asked for, and use what it gives for that
 * alone. A statement that another process keeps busy is tried again, at random, so that two do not keep step. It fails
 * as retryable once this connection has waited `busyTimeoutMs` for other processes since it was asked for: calls that
 * stand in line behind it have waited as long, and are told in the same moment.
 *
 * Time in which this process had no turn does not count: on a machine that is overloaded that is nearly all of it, and
 * a few looks say little.
 */
export const createQueries = (run: SqliteRunner, busyTimeoutMs: number): (() => SqlQuery) => {
  /** How long this connection has waited for other processes, in all. */
  let waitedMs = 0;

  const whenFree = async <T>(attempt: () => T, askedAt: number): Promise<T> => {
    let triedAt = performance.now();
    const when = (error: unknown): boolean => {
      const now = performance.now();
      waitedMs += Math.min(now - triedAt, slowestLookMs);
      triedAt = now;
      return isBusy(error) && waitedMs - askedAt < busyTimeoutMs;
    };
    const attempts = async function* () {
      yield attempt();
    };
    try {
      const results = await pipe(
        retry(attempts, { retries: Number.POSITIVE_INFINITY, baseMs: 2, maxMs: slowestLookMs, when }),
        collect,
      );
      return results[0] as T;
    } catch (error) {
      throw isBusy(error) ? tooBusy(error) : error;
    }
  };

  return () => {
    const askedAt = waitedMs;
    return async (text, values) => {
      try {
        return run(text, values);
      } catch (error) {
        if (!isBusy(error)) throw error;
        if (waitedMs - askedAt >= busyTimeoutMs) throw tooBusy(error);
        return whenFree(() => run(text, values), askedAt);
      }
    };
  };
};

/** How long one pause is at most. */
const slowestLookMs = 50;

/** SQLITE_BUSY, with whichever extension in the higher bits. */
export const isBusy = (error: unknown): boolean => ((error as { errcode?: number }).errcode ?? 0) % 256 === 5;

const tooBusy = (cause: unknown): ChatKitError =>
  new ChatKitError('internal', 'Another process has been writing to the database file for too long.', {
    retryable: true,
    cause,
  });
