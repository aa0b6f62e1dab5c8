/**
 * SQL statements in a Durable Object's storage. It is a single synchronous connection without BEGIN and SAVEPOINT:
 * statements that run in one turn of the event loop can be made atomic (`transactionSync`), but no transaction can stay
 * open across an `await`.
 */
import { ChatKitError } from '@chatkit/core';
import type { SqlRow } from '../shared/sql-port.ts';
import { makeTables } from '../shared/sqlite-tables.ts';

/** A value that can be bound to a statement. */
export type DurableObjectValue = string | number | null;

/** The part of `ctx.storage.sql` that is used. */
export interface DurableObjectSql {
  exec(query: string, ...bindings: DurableObjectValue[]): { toArray(): Record<string, unknown>[] };
}

/** The part of `ctx.storage` that is used. The types of Cloudflare Workers fit it. */
export interface DurableObjectStorageLike {
  readonly sql: DurableObjectSql;
  transactionSync<T>(closure: () => T): T;
}

/** A storage in which our tables exist. */
export interface ObjectDatabase {
  /**
   * Runs one statement, in which `$1`, `$2`… stand for the values. Throws `event.too_large` for values that do not fit
   * into a row.
   */
  run(text: string, values: readonly unknown[]): readonly SqlRow[];
  /** Throws `event.too_large` for values that do not fit into a row. */
  assertFits(values: readonly unknown[]): void;
  /** Runs `work` atomically: if it throws, all of it is undone. */
  inOnePiece<T>(work: () => T): T;
  /** Runs `work`, undoes all its writes, and returns its result. */
  tried<T>(work: () => T): T;
}

/** Opens the storage and creates or migrates its tables. `kind` is for error messages. */
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
    // The application may delete a user's data with `storage.deleteAll()`, which drops our tables too; the object lives
    // on.
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

/** Thrown to make `transactionSync` roll back; it never leaves this file. */
const undo = new Error('undone');

const assertStorage = (storage: unknown, kind: string): void => {
  const { sql, transactionSync } = (storage ?? {}) as { sql?: { exec?: unknown }; transactionSync?: unknown };
  if (typeof sql?.exec === 'function' && typeof transactionSync === 'function') return;
  throw new TypeError(`createDurableObject${kind} needs the storage of the object: { storage: ctx.storage }.`);
};

const texts = new Map<string, string>();

/** Rewrites `$1` to `?1`: SQLite takes `$1` for a named parameter, and numbers those in order of appearance. */
const numbered = (text: string): string => {
  let made = texts.get(text);
  if (made === undefined) {
    made = text.replace(/\$(\d+)/g, '?$1');
    texts.set(text, made);
  }
  return made;
};

/**
 * The maximum size of a row (https://developers.cloudflare.com/durable-objects/platform/limits/, "Maximum string, BLOB
 * or table row size"). Enforced here because a local workerd accepts ten times as much: what works on a laptop would
 * fail once deployed.
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

// The storage's errors have no codes, only messages.
const messageOf = (error: unknown): string => String((error as { message?: unknown } | null)?.message);
const isTooBig = (error: unknown): boolean => messageOf(error).includes('SQLITE_TOOBIG');
const isWithoutTables = (error: unknown): boolean => messageOf(error).includes('no such table: chatkit_');
