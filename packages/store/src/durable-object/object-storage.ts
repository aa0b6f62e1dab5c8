/**
 * Statements in a Durable Object's storage: one connection, all of it synchronous, without BEGIN and SAVEPOINT. What is
 * run in one turn can be made one piece (`transactionSync`), and no transaction stays open while JavaScript waits.
 */
import { ChatKitError } from '@chatkit/core';
import type { SqlRow } from '../shared/sql-port.ts';
import { makeTables } from '../shared/sqlite-tables.ts';

/** What is bound to a statement. */
export type DurableObjectValue = string | number | null;

/** What is needed of `ctx.storage.sql`. */
export interface DurableObjectSql {
  exec(query: string, ...bindings: DurableObjectValue[]): { toArray(): Record<string, unknown>[] };
}

/** What is needed of `ctx.storage`, which the types of Workers fit. */
export interface DurableObjectStorageLike {
  readonly sql: DurableObjectSql;
  transactionSync<T>(closure: () => T): T;
}

/** The storage with our tables in it. */
export interface ObjectDatabase {
  /**
   * Runs one statement, in which `$1`, `$2`… stand for the values. Throws `event.too_large` for what no row can hold.
   */
  run(text: string, values: readonly unknown[]): readonly SqlRow[];
  /** Throws what `run` throws of values that no row can hold. */
  assertFits(values: readonly unknown[]): void;
  /** Does what `work` does wholly, or not at all when it throws. */
  inOnePiece<T>(work: () => T): T;
  /** What `work` returns, while nothing that it does stays done. */
  tried<T>(work: () => T): T;
}

/** Opens the storage and makes its tables, or brings them up to date. `kind` is what it is opened for, for errors. */
export const openStorage = (storage: DurableObjectStorageLike, kind: 'Store' | 'Log' | 'Lease'): ObjectDatabase => {
  assertStorage(storage, kind);
  const execute = (text: string, values: readonly unknown[] = []): readonly SqlRow[] =>
    storage.sql.exec(text, ...(values as readonly DurableObjectValue[])).toArray();
  const inOnePiece = <T>(work: () => T): T => storage.transactionSync(work);
  const prepare = (): void => inOnePiece(() => makeTables({ exec: execute, all: execute }));
  prepare();

  const attempt = (text: string, values: readonly unknown[]): readonly SqlRow[] => {
    try {
      return execute(numbered(text), values);
    } catch (error) {
      if (!isWithoutTables(error)) throw error;
    }
    // `storage.deleteAll()` forgets a user, and the object goes on.
    prepare();
    return execute(numbered(text), values);
  };

  return {
    run(text, values) {
      assertFits(values);
      try {
        return attempt(text, values);
      } catch (error) {
        throw isTooBig(error) ? tooLarge(sizeOf(values), error) : error;
      }
    },
    assertFits,
    inOnePiece,
    tried<T>(work: () => T): T {
      const results: T[] = [];
      try {
        inOnePiece(() => {
          results.push(work());
          throw undo;
        });
      } catch (error) {
        if (error !== undo) throw error;
      }
      return results[0] as T;
    },
  };
};

/** What is thrown to have `transactionSync` undo its work; nobody gets to see it. */
const undo = new Error('undone');

const assertStorage = (storage: unknown, kind: string): void => {
  const { sql, transactionSync } = (storage ?? {}) as { sql?: { exec?: unknown }; transactionSync?: unknown };
  if (typeof sql?.exec === 'function' && typeof transactionSync === 'function') return;
  throw new TypeError(`createDurableObject${kind} needs the storage of the object: { storage: ctx.storage }.`);
};

const texts = new Map<string, string>();

/** `?1` for `$1`: SQLite takes `$1` for a name, and counts names in the order in which they come. */
const numbered = (text: string): string => {
  let made = texts.get(text);
  if (made === undefined) {
    made = text.replace(/\$(\d+)/g, '?$1');
    texts.set(text, made);
  }
  return made;
};

/**
 * The most bytes of a row (https://developers.cloudflare.com/durable-objects/platform/limits/, "Maximum string, BLOB or
 * table row size"). Counted here, because workerd by itself takes ten times as much: what works on a laptop would fail
 * when it is deployed.
 */
export const maxRowBytes = 2_000_000;

const assertFits = (values: readonly unknown[]): void => {
  // No UTF-16 unit takes more than three bytes.
  let units = 0;
  for (const value of values) if (typeof value === 'string') units += value.length;
  if (units * 3 <= maxRowBytes) return;
  const bytes = sizeOf(values);
  if (bytes > maxRowBytes) throw tooLarge(bytes);
};

const sizeOf = (values: readonly unknown[]): number => {
  const encoder = new TextEncoder();
  let bytes = 0;
  for (const value of values) bytes += typeof value === 'string' ? encoder.encode(value).byteLength : 8;
  return bytes;
};

const tooLarge = (bytes: number, cause?: unknown): ChatKitError =>
  new ChatKitError(
    'event.too_large',
    `A row of ${bytes} bytes does not fit: the storage of a Durable Object takes ${maxRowBytes} in one.`,
    { details: { bytes, maxBytes: maxRowBytes }, cause },
  );

// Errors of the storage have no codes, only texts.
const messageOf = (error: unknown): string => String((error as { message?: unknown } | null)?.message);
const isTooBig = (error: unknown): boolean => messageOf(error).includes('SQLITE_TOOBIG');
const isWithoutTables = (error: unknown): boolean => messageOf(error).includes('no such table: chatkit_');
