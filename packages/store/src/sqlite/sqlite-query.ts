/**
 * Runs statements on a SQLite connection: prepares each once, and waits for other processes without blocking the event
 * loop.
 */
import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { ChatKitError } from '@chatkit/core';
import { collect, pipe, retry } from '@chatkit/stream';
import type { SqlQuery, SqlRow } from '../shared/sql-port.ts';

/** Runs one statement synchronously. Throws SQLite's errors, also that the file is busy. */
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
  /** The index of the value for each `?`. */
  readonly order: readonly number[];
  all(...values: SQLInputValue[]): readonly SqlRow[];
}

/**
 * Rewrites `$1`, `$2`… to `?` in order of appearance: named parameters take twice the time, and SQLite's numbered `?1`
 * is refused by `node:sqlite` before 22.19 and 24.4 ("column index out of range").
 */
const prepare = (database: DatabaseSync, text: string): Prepared => {
  const order: number[] = [];
  const plain = text.replace(/\$(\d+)/g, (_, place: string) => {
    order.push(Number(place) - 1);
    return '?';
  });
  const statement = database.prepare(plain);
  // Otherwise the microseconds of a time after 2255 or before 1684 would be refused.
  statement.setReadBigInts(true);
  return { order, all: (...values) => statement.all(...values) };
};

/**
 * Makes queries on the connection of `run` that retry while another process keeps the file busy, at random intervals,
 * so that two processes do not stay in step. Call the result when a request is made, and use the query that it returns
 * only for that request. It fails with a retryable error once this connection has waited `busyTimeoutMs` for other
 * processes since the request: calls that queue behind it have waited as long, and fail at the same moment.
 *
 * Time in which this process was starved does not count: on an overloaded machine that is nearly all of the time, and a
 * few attempts say little.
 */
export const createQueries = (run: SqliteRunner, busyTimeoutMs: number): (() => SqlQuery) => {
  /** How long this connection has waited for other processes, in total. */
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

/** The longest pause between two attempts. */
const slowestLookMs = 50;

/** SQLITE_BUSY, with any extended code in the higher bits. */
export const isBusy = (error: unknown): boolean => ((error as { errcode?: number }).errcode ?? 0) % 256 === 5;

const tooBusy = (cause: unknown): ChatKitError =>
  new ChatKitError('internal', 'Another process has been writing to the database file for too long.', {
    retryable: true,
    cause,
  });
