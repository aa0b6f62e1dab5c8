/** A machine seen from its parent: start it, kill it, suspend it, let it leave in order, hear what it reports. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { MachineReport, MachineSettings } from './machine-reports.ts';
import { ended } from './program.ts';

export interface MachineProcess {
  readonly name: string;
  readonly port: number;
  readonly url: string;
  isRunning(): boolean;
  /** Starts it, and resolves when it listens. */
  start(): Promise<void>;
  /** `kill -9`. */
  kill(): Promise<void>;
  /** Stops it where it stands (`SIGSTOP`), and lets it go on (`SIGCONT`). */
  pause(): void;
  resume(): void;
  /** Asks it to end in order (`SIGTERM`), and resolves when it has. */
  leave(): Promise<void>;
}

export interface MachineProcessOptions {
  settings: MachineSettings;
  onReport: (report: MachineReport) => void;
  /** Arguments for `node`, for example conditions of the module resolution. */
  nodeArgs?: readonly string[] | undefined;
}

export const createMachineProcess = ({ settings, onReport, nodeArgs = [] }: MachineProcessOptions): MachineProcess => {
  let child: ChildProcess | undefined;
  const isRunning = () => child !== undefined && child.exitCode === null && child.signalCode === null;

  const start = () =>
    new Promise<void>((resolve, reject) => {
      const next = fork(fileURLToPath(new URL('./machine.ts', import.meta.url)), {
        execArgv: [...nodeArgs],
        env: { ...process.env, CLUSTER_MACHINE: JSON.stringify(settings) },
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      });
      child = next;
      next.on('message', (message) => {
        const report = message as MachineReport;
        if (report.type === 'ready') resolve();
        onReport(report);
      });
      next.once('error', reject);
      next.once('exit', (code) => reject(new Error(`Machine ${settings.name} ended with code ${code}.`)));
    });

  const end = async (signal: 'SIGKILL' | 'SIGTERM'): Promise<void> => {
    if (child === undefined) return;
    child.kill(signal);
    await ended(child);
  };

  return {
    name: settings.name,
    port: settings.port,
    url: `http://127.0.0.1:${settings.port}/chatkit`,
    isRunning,
    start,
    kill: () => end('SIGKILL'),
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    leave: () => end('SIGTERM'),
  };
};
