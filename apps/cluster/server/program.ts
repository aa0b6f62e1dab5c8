/** A child process that is waited for: until it says that it is ready, and until it has ended. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * Where a program is, `undefined` when it is not installed. `/usr/sbin` is looked into even if `PATH` leaves it out.
 */
export const findProgram = (name: string): string | undefined =>
  [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin']
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));

/** Resolves when the process has ended, at once if it has already. */
export const ended = (child: ChildProcess): Promise<void> =>
  child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve()
    : new Promise((resolve) => child.once('exit', () => resolve()));

/**
 * Starts a program and resolves when a line of its output contains `ready`; rejects with its output when it ends first.
 */
export const startProgram = (path: string, args: readonly string[], ready: string): Promise<ChildProcess> =>
  new Promise((resolve, reject) => {
    const child = spawn(path, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const onData = (data: Buffer) => {
      output = (output + data).slice(-4_096);
      if (output.includes(ready)) resolve(child);
    };
    child.stdout.on('data', onData);
    child.stderr.on('data', onData);
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`${path} ended before it was ready:\n${output}`)));
  });
