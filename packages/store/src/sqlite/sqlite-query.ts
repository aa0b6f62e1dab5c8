/** Statements on one connection of SQLite, prepared once each, which wait for other processes without stopping the event loop. */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { ChatKitError } from '@chatkit/core';
import { collect, pipe, retry } from '@chatkit/stream';
import type { SqlQuery } from '../shared/sql-port.ts';

/**
 * Queries on `database`: call the result when something is asked for, and use what it gives for that alone. A statement that another
 * process keeps busy is tried again, at random, so that two do not keep step. It fails as retryable once this connection has waited
 * `busyTimeoutMs` for other processes since it was asked for: calls that stand in line behind it have waited as long, and are told in
 * the same moment.
 *
 * Time in which this process had no turn does not count: on a machine that is overloaded that is nearly all of it, and a few looks say
 * little.
 */
export const createQueries = (database: DatabaseSync, busyTimeoutMs: number): (() => SqlQuery) => {
  const prepared = new Map<string, StatementSync>();
  /** How long this connection has waited for other processes, in all. */
  let waitedMs = 0;

  const run = (text: string, values: readonly unknown[]) => {
    let statement = prepared.get(text);
    if (statement === undefined) {
      statement = database.prepare(text);
      // A time after 2255, or before 1684, is a number of microseconds that is refused otherwise.
      statement.setReadBigInts(true);
      prepared.set(text, statement);
    }
    // By name, `$1` and so on: SQLite's own numbered `?1` is refused by `node:sqlite` before 22.19 and 24.4 ("column index out of range").
    const named: Record<string, SQLInputValue> = {};
    for (let at = 0; at < values.length; at += 1) named[`$${at + 1}`] = values[at] as SQLInputValue;
    return statement.all(named);
  };

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
