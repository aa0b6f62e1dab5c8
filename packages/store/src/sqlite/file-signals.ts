/**
 * Signals between processes, through the file. They are rows; that there may be new ones is seen by a number that
 * SQLite changes when another connection has written (https://sqlite.org/pragma.html#pragma_data_version). It is looked
 * at while this lease holds something or waits, by a timer that holds no process open.
 */
import { createSignalHub, type LeaseSignal, type LeaseSignals } from '../shared/lease-signals.ts';
import type { SqliteFile } from './sqlite-file.ts';

export interface FileSignalsOptions {
  readonly file: Pick<SqliteFile, 'port' | 'foreignVersion'>;
  /** How often others are looked for. */
  readonly checkMs: number;
  /** How long this lease listens after it has last held something or waited. */
  readonly attendMs: number;
}

export const createFileSignals = ({ file, checkMs, attendMs }: FileSignalsOptions): LeaseSignals => {
  const hub = createSignalHub();
  /** What this lease has sent, it has told itself. */
  const sender = crypto.randomUUID();
  let state: 'idle' | 'listening' | 'reading' | 'closed' = 'idle';
  let timer: NodeJS.Timeout | undefined;
  let attendedUntil = 0;
  /** The last signal that has been read, and the version of the file then. */
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
    // A file that is busy or away: the next look may succeed, and whoever misses a signal asks.
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
      // The last one stays, so that numbers only grow. What was sent in time to come is from before a restart of the
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
      timer = setInterval(look, checkMs);
      timer.unref();
    },
    close() {
      clearInterval(timer);
      state = 'closed';
      hub.close();
    },
  };
};

/** How long a signal is kept for those who look. */
const keptMs = 60_000;
