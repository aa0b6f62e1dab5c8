/**
 * Who of those that hold something is still alive. Each has an empty file beside the database, which SQLite has locked for it. The
 * kernel drops the lock when the process ends, however it ends, so whoever gets the lock of another knows that it is dead. Ids
 * are never used again, which numbers of processes are.
 */
import { existsSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

export interface HolderLocks {
  /** The id of this holder, whose lock is taken the first time. */
  own(): string;
  /** Those that have died. Nobody else gets to know of them until `end` is called: with `isDone` never, else again. */
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
      if (id !== undefined) return id;
      do {
        id = crypto.randomUUID();
        lock = prefix === undefined ? undefined : take(prefix + id, 'BEGIN EXCLUSIVE');
        // Somebody may have looked before it was locked, and removed it as a dead one's. Where none can be had, nobody will
        // know of this one's death, and its leases have to run out.
      } while (lock !== undefined && !existsSync(`${prefix}${id}`));
      return id;
    },
    dead() {
      if (prefix === undefined) return [];
      return filesOf(prefix).flatMap((file) => {
        if (file === prefix + id) return [];
        const held = take(file, 'BEGIN IMMEDIATE');
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

/** The file, made when it is missing and locked; `undefined` where somebody else has the lock, or nothing can be made. */
const take = (file: string, begin: string): DatabaseSync | undefined => {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file);
    // Nothing is ever written: a journal would only be a second file.
    database.exec('PRAGMA busy_timeout = 0; PRAGMA journal_mode = MEMORY');
    database.exec(begin);
    return database;
  } catch {
    database?.close();
    return undefined;
  }
};

/** Removes the file first, while nobody else can have its lock. */
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
