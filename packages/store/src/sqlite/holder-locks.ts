/**
 * Detects which lease holders are dead. Each holder keeps an empty file beside the database locked, by way of SQLite.
 * The kernel drops the lock when the process ends, however it ends, so whoever can lock another holder's file knows
 * that the holder is dead. Holders have random ids, because process ids are reused.
 */
import { existsSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

export interface HolderLocks {
  /** The id of this holder. The first call takes its lock. */
  own(): string;
  /** The dead holders. After `end` with `isDone` a dead holder is forgotten; otherwise it will be found again. */
  dead(): readonly { readonly id: string; end(isDone: boolean): void }[];
  /** Releases the lock of this holder. */
  close(): void;
}

/** The locks beside the database file at `path`, which must exist. */
export const createHolderLocks = (path: string): HolderLocks => {
  const prefix = prefixOf(path);
  let id: string | undefined;
  let lock: DatabaseSync | undefined;

  return {
    own() {
      for (let tries = 0; id === undefined && prefix !== undefined && tries < mostTries; tries += 1) {
        const tried = crypto.randomUUID();
        lock = takeNew(prefix + tried);
        if (lock !== undefined) id = tried;
      }
      // If no lock can be had, nobody can detect this holder's death, and its leases have to run out.
      id ??= crypto.randomUUID();
      return id;
    },
    dead() {
      if (prefix === undefined) return [];
      return filesOf(prefix).flatMap((file) => {
        if (file === prefix + id) return [];
        const held = share(file);
        if (held === undefined) return [];
        return [{ id: file.slice(prefix.length), end: (isDone: boolean) => letGo(held, isDone ? file : undefined) }];
      });
    },
    close() {
      if (lock !== undefined) letGo(lock, `${prefix}${id}`);
      lock = undefined;
    },
  };
};

/**
 * The prefix of the lock files, the same whatever name or link leads to the database. `undefined`: its path is a URI.
 */
const prefixOf = (path: string): string | undefined => (existsSync(path) ? `${realpathSync(path)}-holder-` : undefined);

const filesOf = (prefix: string): string[] => {
  const folder = dirname(prefix);
  const start = basename(prefix);
  return readdirSync(folder)
    .filter((name) => name.startsWith(start))
    .map((name) => join(folder, name));
};

/**
 * How many ids are tried: an id is given up if another process examined its file before it was locked, or if no lock
 * can be had at all.
 */
const mostTries = 100;

/**
 * Creates and locks a new file. If another process examines the file before it is locked, that process takes the id for
 * a dead holder's. Then the result is `undefined`, and the id must never be used.
 */
const takeNew = (file: string): DatabaseSync | undefined => {
  // Nothing is ever written, so a journal would only be a second file.
  const lock = take(file, false, 'PRAGMA busy_timeout = 0; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  if (lock !== undefined && existsSync(file)) return lock;
  lock?.close();
  rmSync(file, { force: true });
  return undefined;
};

/**
 * Takes a shared lock, which several processes that look can have at once, but not beside the holder's own. Opened for
 * reading only, which never creates a file: a file that was just removed and is created again would look like that of a
 * dead holder.
 */
const share = (file: string): DatabaseSync | undefined =>
  take(file, true, 'PRAGMA busy_timeout = 0; BEGIN; SELECT count(*) FROM sqlite_schema');

/** Locks a file; `undefined` if somebody else has the lock, or the file does not exist and must not be created. */
const take = (file: string, readOnly: boolean, begin: string): DatabaseSync | undefined => {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file, { readOnly });
    database.exec(begin);
    return database;
  } catch {
    database?.close();
    return undefined;
  }
};

/** Releases a lock. The file is removed first, while it is still known whose it is. */
const letGo = (lock: DatabaseSync, file: string | undefined): void => {
  const remove = (): void => {
    if (file !== undefined) rmSync(file, { force: true });
  };
  try {
    remove();
    lock.close();
  } catch {
    // Windows cannot remove an open file.
    lock.close();
    try {
      remove();
    } catch {
      // The next process that looks will find the file, and nothing that belongs to it.
    }
  }
};
