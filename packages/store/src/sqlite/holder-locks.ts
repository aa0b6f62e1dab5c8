/**
 * Who of those that hold something is still alive. Each has an empty file beside the database, which SQLite has locked
 * for it. The kernel drops the lock when the process ends, however it ends, so whoever gets the lock of another knows
 * that it is dead. Ids are never used again, which numbers of processes are.
 */
import { existsSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

export interface HolderLocks {
  /** The id of this holder, whose lock is taken the first time. */
  own(): string;
  /** Those that have died. After `end` with `isDone` nobody is told of them any more. */
  dead(): readonly { readonly id: string; end(isDone: boolean): void }[];
  /** Lets go of the lock of this holder. */
  close(): void;
}

/** The locks beside the database file at `path`, which exists. */
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
      // Where none can be had, nobody will know of this one's death, and its leases have to run out.
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

/** What the files are called, whatever name or link led to the database. `undefined`: its path is a URI. */
const prefixOf = (path: string): string | undefined => (existsSync(path) ? `${realpathSync(path)}-holder-` : undefined);

const filesOf = (prefix: string): string[] => {
  const folder = dirname(prefix);
  const start = basename(prefix);
  return readdirSync(folder)
    .filter((name) => name.startsWith(start))
    .map((name) => join(folder, name));
};

/**
 * Ids that are given up because others looked at their locks before they were taken, or because no lock can be had at
 * all.
 */
const mostTries = 100;

/**
 * A lock on a new file. Somebody may look before it is locked, and take its id for that of a dead one, from then on:
 * `undefined`, and the id is never to be used.
 */
const takeNew = (file: string): DatabaseSync | undefined => {
  // Nothing is ever written: a journal would only be a second file.
  const lock = take(file, false, 'PRAGMA busy_timeout = 0; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  if (lock !== undefined && existsSync(file)) return lock;
  lock?.close();
  rmSync(file, { force: true });
  return undefined;
};

/**
 * A lock that others who look can have as well, and the holder cannot. To read is enough for that, and what is opened to
 * be read is not made: made anew, the file of one that somebody has just removed would be that of a dead one.
 */
const share = (file: string): DatabaseSync | undefined =>
  take(file, true, 'PRAGMA busy_timeout = 0; BEGIN; SELECT count(*) FROM sqlite_schema');

/** The lock of a file; `undefined` where somebody else has it, or the file is not there and may not be made. */
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

/** Removes the file first, while it is known whose it is. */
const letGo = (lock: DatabaseSync, file: string | undefined): void => {
  const remove = (): void => {
    if (file !== undefined) rmSync(file, { force: true });
  };
  try {
    remove();
    lock.close();
  } catch {
    // Windows does not remove what is open.
    lock.close();
    try {
      remove();
    } catch {
      // The next one that looks finds it, and nothing that belongs to it.
    }
  }
};
