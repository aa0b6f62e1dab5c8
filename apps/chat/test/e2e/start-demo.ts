/** The demo as a user starts it: a process of its own, over `dist`, on a free port, with a database of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Demo {
  readonly url: string;
  readonly process: ChildProcess;
  /** Everything that it printed so far, a line each. */
  readonly lines: readonly string[];
  /** Resolves once a line matches; at once when one has already. */
  printed(pattern: RegExp): Promise<string>;
  /** Resolves with the exit code. */
  readonly exited: Promise<number | null>;
  stop(): Promise<void>;
}

export const main = fileURLToPath(new URL('../../server/main.ts', import.meta.url));

export const startDemo = async (env: Record<string, string> = {}): Promise<Demo> => {
  const folder = await mkdtemp(join(tmpdir(), 'chat-demo-'));
  const child = spawn(process.execPath, [main], {
    env: {
      PATH: process.env['PATH'] ?? '',
      PORT: '0',
      // A documentation of its own, so that the real one can change.
      CHAT_DOCS: fileURLToPath(new URL('docs/', import.meta.url)),
      CHAT_DATABASE: join(folder, 'chat.sqlite'),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  let rest = '';
  const read = (data: Buffer) => {
    const parts = (rest + String(data)).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
    for (const look of waiting) look();
  };
  child.stdout.on('data', read);
  child.stderr.on('data', read);
  const exited = new Promise<number | null>((resolve) => child.on('close', resolve));
  const printed = (pattern: RegExp) =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        const line = lines.find((each) => pattern.test(each));
        if (line === undefined) return;
        waiting.delete(look);
        resolve(line);
      };
      waiting.add(look);
      look();
      void exited.then(() => reject(new Error(`The demo ended without printing ${pattern}:\n${lines.join('\n')}`)));
    });
  const line = await printed(/http:\/\//);
  return {
    url: (/http:\/\/localhost:\d+/.exec(line)?.[0] ?? '').replace('localhost', '127.0.0.1'),
    process: child,
    lines,
    printed,
    exited,
    async stop() {
      if (child.exitCode === null) child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await exited;
      clearTimeout(timer);
      await rm(folder, { recursive: true, force: true });
    },
  };
};
