/**
 * A real Redis for a test or a benchmark: on a free port of loopback, without files unless asked for, stopped at the end.
 * It can be suspended, killed and started again on the same port.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../../apps/cluster/server/free-port.ts';

export interface RedisServer {
  readonly url: string;
  readonly port: number;
  /** For example `Redis 7.0.15`. */
  readonly version: string;
  readonly pid: () => number;
  suspend(): void;
  resume(): void;
  /** Kills it as a crash does. */
  kill(): Promise<void>;
  /** Starts it again. With `appendonly` it has what it had written. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a server, or says on the console why there is none and returns `undefined`. */
export const startRedis = async ({ appendonly = false } = {}): Promise<RedisServer | undefined> => {
  const program = process.env['REDIS_SERVER'] ?? 'redis-server';
  let version: string;
  try {
    version = `Redis ${/v=([\d.]+)/.exec(execFileSync(program, ['--version'], { encoding: 'utf8' }))?.[1]}`;
  } catch (error) {
    console.warn(`SKIPPED: no Redis could be started (set REDIS_SERVER=/path/to/redis-server). ${String(error)}`);
    return undefined;
  }
  const folder = mkdtempSync(join(tmpdir(), 'chatkit-redis-'));
  const port = await freePort();
  const flags = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--dir', folder];
  const files = appendonly ? ['--appendonly', 'yes', '--appendfsync', 'always'] : ['--appendonly', 'no'];
  let server: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    const child = spawn(program, [...flags, ...files], { stdio: ['ignore', 'pipe', 'ignore'] });
    server = child;
    await new Promise<void>((done, fail) => {
      let said = '';
      child.stdout.on('data', (chunk) => {
        if (said.length < 10_000) said += chunk;
        if (said.includes('Ready to accept connections')) done();
      });
      child.once('error', fail);
      child.once('exit', () => fail(new Error(`Redis did not start: ${said}`)));
    });
  };
  const kill = async (): Promise<void> => {
    const child = server;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((done) => child.once('exit', done));
    child.kill('SIGKILL');
    await gone;
  };
  await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    version,
    pid: () => server?.pid ?? 0,
    suspend: () => void server?.kill('SIGSTOP'),
    resume: () => void server?.kill('SIGCONT'),
    kill,
    restart: start,
    async stop() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
};
