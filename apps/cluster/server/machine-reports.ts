/** What a machine and its parent tell each other. */
import type { BusyPolicy } from '@chatkit/server';

/** Given to a machine when it is started. */
export interface MachineSettings {
  name: string;
  port: number;
  /** Where log and lease are: in Redis, in PostgreSQL, or in an SQLite file. */
  runs: { redisUrl: string } | { postgresUrl: string } | { file: string };
  /** The SQLite file that all machines share. */
  database: string;
  leaseMs: number;
  heartbeatMs: number;
  /** How long runs may go on after SIGTERM. */
  graceMs: number;
  /** The pace of the writer. */
  tokenMs: number;
  busy: BusyPolicy;
  /** How long a call of the store, the log or the lease may take. */
  patienceMs: number;
}

/** Told by a machine. */
export type MachineReport =
  | { type: 'ready' }
  | { type: 'alive' }
  | { type: 'begun'; runId: string; threadId: string }
  | { type: 'wrote'; runId: string; written: number }
  /** The generator has ended, `finally` blocks and all. */
  | { type: 'ended'; runId: string; isWhole: boolean }
  | { type: 'error'; message: string; runId?: string | undefined }
  | { type: 'unhandled'; message: string };
