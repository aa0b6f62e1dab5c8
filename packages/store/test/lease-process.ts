/**
 * A lease on an SQLite file in a process of its own. Started by `startLease`, it does what it is told and tells what it hears; a
 * `RunLease` on the other side stands for it.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { RunLease } from '@chatkit/core';
import { createSqliteLease, type SqliteLeaseOptions } from '@chatkit/store/sqlite';

type Called =
  | 'acquire'
  | 'queue'
  | 'leave'
  | 'renew'
  | 'release'
  | 'find'
  | 'activeIn'
  | 'requestStop'
  | 'reap'
  | 'close';

interface Call {
  readonly id: number;
  readonly what: Called;
  readonly given: readonly unknown[];
}
interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}
type Heard = { readonly heard: readonly [string, string?] };

export interface LeaseProcess {
  /** Calls the lease there. */
  readonly lease: Pick<RunLease, Called>;
  /** Stops and free threads that it has heard of. */
  readonly heard: (readonly [string, string?])[];
  /** `kill -9`. */
  kill(): Promise<void>;
  /** Leaves it to itself, and resolves when it has come to its end. */
  leave(): Promise<void>;
  exitCode(): number | null;
  pause(): void;
  resume(): void;
}

/** Ends with this process, at the latest. */
export const startLease = async (options: SqliteLeaseOptions): Promise<LeaseProcess> => {
  const child = fork(fileURLToPath(import.meta.url), [JSON.stringify(options)], {
    execArgv: ['--conditions=@chatkit/source', '--no-warnings'],
    serialization: 'advanced',
  });
  const heard: (readonly [string, string?])[] = [];
  const open = new Map<number, { done: (result: unknown) => void; fail: (error: Error) => void }>();
  let calls = 0;
  child.on('message', (message: Answer | Heard) => {
    if ('heard' in message) return heard.push(message.heard);
    const call = open.get(message.id);
    open.delete(message.id);
    return message.error === undefined ? call?.done(message.result) : call?.fail(new Error(message.error));
  });
  child.once('exit', () => {
    for (const { fail } of open.values()) fail(new Error('The process has ended.'));
  });
  await once(child, 'message');
  const call =
    (what: Called) =>
    (...given: unknown[]): Promise<never> =>
      new Promise<unknown>((done, fail) => {
        open.set(++calls, { done, fail });
        child.send({ id: calls, what, given } satisfies Call);
      }) as Promise<never>;
  return {
    lease: {
      acquire: call('acquire'),
      queue: call('queue'),
      leave: call('leave'),
      renew: call('renew'),
      release: call('release'),
      find: call('find'),
      activeIn: call('activeIn'),
      requestStop: call('requestStop'),
      reap: call('reap'),
      close: call('close'),
    },
    heard,
    kill: () => ended(child, 'SIGKILL'),
    async leave() {
      const end = once(child, 'exit');
      child.disconnect();
      await end;
    },
    exitCode: () => child.exitCode,
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
  };
};

const ended = async (child: ChildProcess, signal: NodeJS.Signals): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const end = once(child, 'exit');
  child.kill(signal);
  await end;
};

/** The other side. */
const serve = (options: SqliteLeaseOptions): void => {
  const lease = createSqliteLease(options);
  const tell = (message: Answer | Heard) => void process.send?.(message);
  lease.onStop((...heard) => tell({ heard }));
  lease.onFree((...heard) => tell({ heard }));
  process.on('message', ({ id, what, given }: Call) => {
    const called = lease[what] as (...all: readonly unknown[]) => Promise<unknown>;
    called(...given).then(
      (result) => tell({ id, result }),
      (error) => tell({ id, error: String(error) }),
    );
  });
  tell({ heard: ['ready'] });
};

if (process.argv[1] === fileURLToPath(import.meta.url))
  serve(JSON.parse(process.argv[2] ?? '{}') as SqliteLeaseOptions);
