/**
 * Detects that an open database file was removed or replaced. In WAL mode SQLite does not check: it would go on writing
 * to a file that nobody can find again, and all of that would be lost with the process.
 */
import { statSync } from 'node:fs';
import { ChatKitError } from '@chatkit/core';

/**
 * Returns a check for the file at `path`, which must be open. The check throws `internal` while there is another file
 * at the path, or none.
 */
export const watchFile = (path: string): (() => void) => {
  const opened = look(path);
  // The path is a URI, or the file system has no inode numbers.
  if (opened === undefined || opened.ino === 0n) return () => {};
  return () => {
    const found = look(path);
    if (found?.ino === opened.ino && found.dev === opened.dev) return;
    const what = found === undefined ? 'removed' : 'replaced';
    throw new ChatKitError(
      'internal',
      `The database file has been ${what}, so writes are refused. Put the file back or restart the process.`,
    );
  };
};

const look = (path: string) => statSync(path, { bigint: true, throwIfNoEntry: false });
