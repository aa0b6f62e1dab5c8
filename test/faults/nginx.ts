/** An nginx of our own on loopback: one port for each named set of directives, all in front of the same upstreams. */
import type { ChildProcess } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../apps/cluster/server/free-port.ts';
import { ended, findProgram, startProgram } from '../../apps/cluster/server/program.ts';

const program = findProgram('nginx');

export const hasNginx: boolean = program !== undefined;
if (!hasNginx)
  console.warn('SKIPPED: nginx is not installed, the faults of proxies are not tested (apt-get install nginx-light).');

export interface Nginx<Name extends string> {
  readonly urls: Readonly<Record<Name, string>>;
  /** Ends it and with it every connection through it. */
  stop(): Promise<void>;
  /** Starts it again on the same ports. */
  start(): Promise<void>;
  /** Ends it for good. */
  close(): Promise<void>;
}

/** `directives`: what each port's `location` says beside `proxy_pass`. */
export const startNginx = async <Name extends string>(
  upstreamPorts: readonly number[],
  directives: Readonly<Record<Name, string>>,
): Promise<Nginx<Name>> => {
  if (program === undefined) throw new Error('nginx is not installed');
  const folder = await mkdtemp(join(tmpdir(), 'chatkit-nginx-'));
  // The workers of an nginx that root starts belong to somebody else.
  await chmod(folder, 0o755);
  const urls = {} as Record<Name, string>;
  const servers: string[] = [];
  for (const [name, lines] of Object.entries(directives) as [Name, string][]) {
    const port = await freePort();
    urls[name] = `http://127.0.0.1:${port}/chatkit`;
    servers.push(`server { listen 127.0.0.1:${port}; location / { proxy_pass http://machines; ${lines} } }`);
  }
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const config = join(folder, 'nginx.conf');
  await writeFile(
    config,
    `daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr notice;
events { worker_connections 128; }
http {
  access_log off;
  ${paths.map((each) => `${each}_temp_path ${folder}/${each};`).join(' ')}
  upstream machines { ${upstreamPorts.map((port) => `server 127.0.0.1:${port} max_fails=0;`).join(' ')} }
  ${servers.join('\n  ')}
}
`,
  );
  let child: ChildProcess | undefined;
  const start = async () => {
    child = await startProgram(program, ['-p', folder, '-c', config, '-e', 'stderr'], 'start worker process ');
  };
  const stop = async () => {
    if (child === undefined) return;
    // SIGTERM and not SIGKILL: the master takes its worker along.
    child.kill('SIGTERM');
    await ended(child);
    child = undefined;
  };
  await start();
  return {
    urls,
    start,
    stop,
    async close() {
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
};
