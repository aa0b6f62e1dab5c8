/** A Redis of our own on a free port of loopback, which can be killed and started again, with its data or without. */
import type { ChildProcess } from 'node:child_process';
import { freePort } from './free-port.ts';
import { ended, findProgram, startProgram } from './program.ts';

export interface RedisProgram {
  readonly url: string;
  readonly port: number;
  /** Kills it as `kill -9` does. Resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again on its port, after `kill()`. */
  start(): Promise<void>;
}

export interface RedisProgramOptions {
  /** A folder that keeps every write, so that a restart finds it. Absent: nothing is kept. */
  folder?: string | undefined;
}

/**
 * Starts Redis. Rejects with a sentence that says what to install when there is none.
 *
 * @example
 * const redis = await startRedis();
 * createClient({ url: redis.url });
 */
export const startRedis = async ({ folder }: RedisProgramOptions = {}): Promise<RedisProgram> => {
  const program = findProgram('redis-server');
  if (program === undefined) {
    throw new Error(
      'redis-server is not installed. Debian and Ubuntu: apt-get install redis-server; macOS: brew install redis.',
    );
  }
  const port = await freePort();
  const kept =
    folder === undefined ? ['--appendonly', 'no'] : ['--dir', folder, '--appendonly', 'yes', '--appendfsync', 'always'];
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', ...kept];
  let child: ChildProcess | undefined;
  const start = async () => {
    child = await startProgram(program, args, 'Ready to accept connections');
  };
  await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    start,
    async kill() {
      if (child === undefined) return;
      child.kill('SIGKILL');
      await ended(child);
      child = undefined;
    },
  };
};
