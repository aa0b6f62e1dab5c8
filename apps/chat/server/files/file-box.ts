/** Where the bytes of visitors' files are: a folder, or the memory of the process. A file is its visitor's alone. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Visitor } from '../anonymous-user.ts';

export interface FileBox {
  write(visitor: Visitor, id: string, bytes: Uint8Array): Promise<void>;
  /** `undefined`: this visitor has no such file. */
  read(visitor: Visitor, id: string): Promise<Uint8Array | undefined>;
  remove(visitor: Visitor, id: string): Promise<void>;
}

/** Files that end with the process. */
export const createMemoryBox = (): FileBox => {
  const files = new Map<string, Uint8Array>();
  const keyOf = ({ userId }: Visitor, id: string) => `${userId}/${id}`;
  return {
    write: async (visitor, id, bytes) => void files.set(keyOf(visitor, id), bytes),
    read: async (visitor, id) => files.get(keyOf(visitor, id)),
    remove: async (visitor, id) => void files.delete(keyOf(visitor, id)),
  };
};

/** A folder for each visitor, and a file for each file. Both are named by us: no name of a user's reaches the disk. */
export const createFolderBox = (root: string): FileBox => {
  const pathOf = ({ userId }: Visitor, id: string) => {
    if (!/^[\w-]+$/.test(userId) || !/^\w+$/.test(id)) throw new RangeError('No name of a file.');
    return join(root, userId, id);
  };
  return {
    async write(visitor, id, bytes) {
      const path = pathOf(visitor, id);
      await mkdir(join(path, '..'), { recursive: true });
      await writeFile(path, bytes);
    },
    read: (visitor, id) => readFile(pathOf(visitor, id)).catch(() => undefined),
    remove: (visitor, id) => rm(pathOf(visitor, id), { force: true }),
  };
};
