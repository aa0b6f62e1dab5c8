/**
 * Whether a file is still where it was opened. SQLite does not look in WAL mode: it goes on in a file that nobody will
 * find again, and everything that it was given is gone with the process.
 */
import { statSync } from 'node:fs';
import { ChatKitError } from '@chatkit/core';

/** A check of the file at `path`, which is open now. It throws `internal` while another one is there, or none. */
export const watchFile = (path: string): (() => void) => {
  const opened = look(path);
  // The path is a URI, or the file system has no numbers for its files.
  if (opened === undefined || opened.ino === 0n) return () => {};
  return () => {
    const found = look(path);
    if (found?.ino === opened.ino && found.dev === opened.dev) return;
    const what = found === undefined ? 'removed' : 'replaced';
    throw new ChatKitError('internal', `The database file has been ${what}: nothing more is written to it.`);
  };
};

const look = (path: string) => statSync(path, { bigint: true, throwIfNoEntry: false });
