/**
 * Signals between processes (stop a run, a thread is free) through the database file. Signals are rows; a number that
 * SQLite changes when another connection has written (https://sqlite.org/pragma.html#pragma_data_version) tells that
 * there may be new ones. It is polled while this lease holds a run or waits for one, by a timer that does not keep the
 * process alive.
 */
import { createSignalHub, type LeaseSignal, type LeaseSignals } from '../shared/lease-signals.ts';
import { longestTimerMs } from '../shared/longest-timer.ts';
import type { SqliteFile } from './sqlite-file.ts';

export interface FileSignalsOptions {
  readonly file: Pick<SqliteFile, 'port' | 'foreignVersion'>;
  /** How often to check for signals of other processes. */
  readonly checkMs: number;
  /** How long this lease listens after it has last held a run or waited for one. */
  readonly attendMs: number;
}

export const createFileSignals = ({ file, checkMs, attendMs }: FileSignalsOptions): LeaseSignals => {
  const hub = createSignalHub();
  /** Rows carry the sender, because a lease delivers its own signals to itself directly. */
  const sender = crypto.randomUUID();
  let state: 'idle' | 'listening' | 'reading' | 'closed' = 'idle';
  let timer: NodeJS.Timeout | undefined;
  let attendedUntil = 0;
  /** The last signal that was read, and the version of the file at that time. */
  let cursor = 0;
  let version = 0;

  const rest = (): void => {
    clearInterval(timer);
    state = 'idle';
  };
  const read = async (): Promise<void> => {
    const current = file.foreignVersion();
    if (current === version) return;
    const rows = await file.port.read(
      'SELECT seq, sender, id, cause FROM chatkit_lease_signal WHERE seq > $1 ORDER BY seq',
      [cursor],
    );
    version = current;
    for (const row of rows) {
      cursor = Number(row['seq']);
      const { id, cause } = row as { id: string; cause: string | null };
      if (row['sender'] !== sender) hub.hear(cause === null ? { threadId: id } : { runId: id, cause });
    }
  };
  const look = (): void => {
    if (state !== 'listening') return;
    if (performance.now() > attendedUntil) return rest();
    state = 'reading';
    const done = (): void => {
      if (state === 'reading') state = 'listening';
    };
    // The file may be busy or missing. The next read may succeed, and missed signals are made up for by polling.
    read().then(done, done);
  };

  return {
    hub,
    tell: hub.hear,
    async send(db, signal: LeaseSignal, now) {
      const [id, cause] = signal.cause === undefined ? [signal.threadId, null] : [signal.runId, signal.cause];
      await db.write(
        `INSERT INTO chatkit_lease_signal (seq, sender, id, cause, sent_at)
         VALUES (1 + (SELECT coalesce(max(seq), 0) FROM chatkit_lease_signal), $1, $2, $3, $4)`,
        [sender, id, cause, now],
      );
      // The last row is kept, so that numbers only grow. A signal sent in the future dates from before a restart of the
      // machine.
      await db.write(
        `DELETE FROM chatkit_lease_signal WHERE seq < (SELECT max(seq) FROM chatkit_lease_signal)
         AND (sent_at <= $1 OR sent_at > $2)`,
        [now - keptMs, now],
      );
    },
    async attend(db) {
      attendedUntil = performance.now() + attendMs;
      if (state !== 'idle') return;
      const [last] = await db.read('SELECT max(seq) AS seq FROM chatkit_lease_signal', []);
      if (state !== 'idle') return;
      cursor = Number(last?.['seq'] ?? 0);
      version = file.foreignVersion();
      state = 'listening';
      timer = setInterval(look, Math.min(checkMs, longestTimerMs));
      timer.unref();
    },
    close() {
      clearInterval(timer);
      state = 'closed';
      hub.close();
    },
  };
};

/** How long signals are kept. */
const keptMs = 60_000;
