/**
 * Steps 2 and 3 of the path of a token, append and tail, for a log in a SQL database. A run that this process created
 * lives in a memory log, from which a journal copies it to the database in the background. Runs of other processes are
 * read from the database, and written to it directly.
 */
import {
  entriesOfRow,
  isStorableId,
  type LogEntry,
  parseOffset,
  type ReadOptions,
  type RowLane,
  type StreamLog,
  type TextRow,
  textRows,
} from '@chatkit/core';
import { outlet, type Stage, stageOf } from '@chatkit/stream/engine';
import { createCopiedLog } from '../memory/memory-log.ts';
import type { Place } from './entry-list.ts';
import { createFitting } from './fitting.ts';
import { ForeignRun, refusalOf } from './foreign-run.ts';
import { createJournal, type Haste } from './journal.ts';
import { JournalRun } from './journal-run.ts';
import { createLogChanges } from './log-changes.ts';
import { closing, expiredRun, unknownOffset, unknownRun } from './log-errors.ts';
import { MovingReader } from './moving-reader.ts';
import type { SqlLogDatabase } from './sql-log-database.ts';
import { createFetchLogPage } from './sql-log-page.ts';
import { createRun, deleteRun, type SqlReply } from './sql-log-steps.ts';
import { assertStorableId } from './storable-id.ts';
import { StoredReader } from './stored-reader.ts';
import { createTakeoverWatch } from './takeover-watch.ts';

/** The options that all logs in SQL databases share. */
export interface SqlLogOptions {
  /**
   * How long an event may wait to be written together with others. Default 25 ms; longer, up to 250 ms, while writing
   * takes more than a tenth of the time. The first event of a run and all events but `thread.item.updated` wait for a
   * fifth of it at most, the terminal entry not at all. Readers in this process never wait.
   */
  flushMs?: number | undefined;
  /** How far the database may be behind, in bytes, before `append` returns a promise. Default 256 KiB. */
  windowBytes?: number | undefined;
  /**
   * How much of a run is kept, in bytes (about the length of the events' JSON). Beyond that the oldest batches are
   * dropped, and a reader that still needs them fails with `log.expired`. A single event that is larger is refused with
   * `event.too_large`. Default 8 MiB.
   */
  maxBytesPerRun?: number | undefined;
  /** How long after its last events a run that was never ended is forgotten. Default 1 hour. */
  openTtlMs?: number | undefined;
  /** How long after its end a run is forgotten. Default 10 minutes. */
  endedTtlMs?: number | undefined;
  /** How often a silent run is checked for having been taken over by another process. Default 1 s. */
  checkMs?: number | undefined;
  /** How long the database may fail before runs, readers and calls fail. Default 30 s. */
  unreachableMs?: number | undefined;
}

/** A log in a SQL database. */
export interface SqlLog extends StreamLog {
  /** Writes what is left, fails all readers with `server.closing` and closes the database connection. */
  close(): Promise<void>;
}

/** How much memory the ended runs of this process may take, for clients that come back soon. */
const endedRuns = { maxBytes: 16 * 1024 * 1024, maxFinishedRuns: 100 };
/** How many runs that could not be written are remembered. */
const maxLost = 1_000;

export const createSqlLog = (database: SqlLogDatabase, options: SqlLogOptions): SqlLog => {
  const maxBytesPerRun = options.maxBytesPerRun ?? 8 * 1024 * 1024;
  const windowBytes = Math.min(options.windowBytes ?? 256 * 1024, maxBytesPerRun);
  const unreachableMs = options.unreachableMs ?? 30_000;
  const ttls = { openTtlMs: options.openTtlMs ?? 3_600_000, endedTtlMs: options.endedTtlMs ?? 600_000 };
  const writer = crypto.randomUUID();
  /** The runs that this process created, while they are in memory. */
  const mine = new Map<string, JournalRun>();
  const foreign = new Map<string, ForeignRun>();
  /** Why runs of this process could not be written. Entries after such a gap are refused as well. */
  const lost = new Map<string, { readonly epoch: number; readonly error: unknown }>();
  /** Runs that are being deleted. */
  const doomed = new Set<string>();
  let state: 'open' | 'closed' = 'open';

  const copied = createCopiedLog({ maxBytesPerRun, ...endedRuns, onEvict: (runId) => void mine.delete(runId) });
  const { log: memory, rows: lane } = copied;
  const changes = createLogChanges(database, unreachableMs);
  const journal = createJournal({
    database,
    maxBytesPerRun,
    flushMs: options.flushMs ?? 25,
    unreachableMs,
  });
  const fetchPage = createFetchLogPage(database, unreachableMs);
  const fits = createFitting(maxBytesPerRun, database.maxEventBytes);

  const assertOpen = (): void => {
    if (state === 'closed') throw closing();
  };
  /** Drops the run's copy in memory. Its readers continue in the database. */
  const letGo = (run: JournalRun): void => {
    if (mine.get(run.id) !== run) return;
    mine.delete(run.id);
    void memory.delete(run.id);
  };
  const onLost = (run: JournalRun, why: Exclude<SqlReply, 'done'> | { readonly error: unknown }): void => {
    const error = typeof why === 'object' ? why.error : refusalOf(run.id, why);
    if (typeof why === 'object' || why === 'behind') {
      lost.set(run.id, { epoch: run.epoch, error });
      for (const [oldest] of lost) if (lost.size > maxLost) lost.delete(oldest);
    }
    run.forget(error);
    letGo(run);
  };
  const onWritten = ({ id }: { id: string }): void => changes.onWritten(id);

  const takeovers = createTakeoverWatch({
    ...{ database, runs: mine, writer, onTaken: onLost },
    everyMs: options.checkMs ?? 1_000,
  });

  const appendToForeign = (runId: string, entries: readonly LogEntry[]): Promise<void> => {
    if (!isStorableId(runId)) return Promise.reject(unknownRun(runId));
    let run = foreign.get(runId);
    if (run === undefined) {
      run = new ForeignRun({ id: runId, writer, ...ttls, onWritten, onIdle: () => void foreign.delete(runId) });
      foreign.set(runId, run);
    }
    const done = run.append(entries);
    journal.touch(run, 'now');
    return done;
  };

  /** The backpressure: waits for the furthest reader here, and for the database. */
  const roomOf = (run: JournalRun, room: Promise<void>): Promise<void> => {
    run.take();
    journal.touch(run, 'soon');
    const own = run.roomOf();
    return own === undefined ? room : Promise.all([room, own]).then(() => {});
  };
  const appendToMine = (run: JournalRun, entries: readonly LogEntry[]): Promise<void> | undefined => {
    const isFirst = run.epoch === 0;
    run.epoch ||= placeOf(entries[0] as LogEntry).epoch;
    let room: Promise<void> | undefined;
    try {
      room = memory.append(run.id, entries);
    } finally {
      journal.touch(run, isFirst ? 'soon' : 'later');
      const haste = hasteOf(entries);
      if (haste !== 'later') journal.touch(run, haste);
    }
    if (entries.some((entry) => 'end' in entry)) return run.ended();
    return room === undefined ? undefined : roomOf(run, room);
  };
  const appendFitting = (runId: string, epoch: number, entries: readonly LogEntry[]): Promise<void> | undefined => {
    const failure = lost.get(runId);
    if (failure !== undefined && epoch <= failure.epoch) throw failure.error;
    const run = mine.get(runId);
    if (run === undefined) return appendToForeign(runId, entries);
    // The process that created a run begins in epoch 1.
    if (epoch <= Math.max(1, run.epoch)) return appendToMine(run, entries);
    // A new epoch: others may have written in between, so readers here read from the database from now on.
    run.detach();
    journal.touch(run, 'now');
    letGo(run);
    return appendToForeign(runId, entries);
  };
  const append: StreamLog['append'] = (runId, entries) => {
    assertOpen();
    const [first] = entries;
    if (first === undefined) return undefined;
    const { epoch } = placeOf(first);
    const other = entries.findIndex((entry) => placeOf(entry).epoch !== epoch);
    if (other > 0) {
      const before = append(runId, entries.slice(0, other));
      const both = Promise.all([before, append(runId, entries.slice(other))]).then(() => {});
      both.catch(() => {});
      return both;
    }
    const { fitting, refused } = fits.entries(runId, entries);
    const done = fitting.length === 0 ? undefined : appendFitting(runId, epoch, fitting);
    if (refused === undefined) return done;
    done?.catch(() => {});
    throw refused;
  };

  const read = <T extends LogEntry | TextRow>(
    runId: string,
    where: ReadOptions,
    inMemory: () => AsyncIterable<T>,
  ): AsyncIterable<T> => {
    let number: number | undefined;
    const stored = (after: string | undefined): Stage<T> =>
      stageOf(new StoredReader({ runId, where: { ...where, after }, changes, fetchPage, number }).entries) as Stage<T>;
    return outlet(
      new MovingReader<T>({
        after: where.after,
        first() {
          assertOpen();
          number = mine.get(runId)?.number;
          return number === undefined ? stored(where.after) : stageOf(inMemory());
        },
        next(after) {
          if (number === undefined) return undefined;
          assertOpen();
          if (doomed.has(runId)) throw expiredRun(runId);
          const failure = lost.get(runId);
          if (failure !== undefined) throw failure.error;
          return stored(after);
        },
      }),
    );
  };

  const rows: RowLane = {
    get log() {
      return log;
    },
    writer(runId) {
      const rowsInMemory = lane.writer(runId);
      return {
        append(row) {
          const run = mine.get(runId);
          const isPlain = run !== undefined && run.epoch === row.epoch && fits.row(row);
          if (!isPlain) return append(runId, entriesOfRow(row));
          let room: Promise<void> | undefined;
          try {
            room = rowsInMemory.append(row);
          } finally {
            if (!run.isQueued) journal.touch(run, 'later');
          }
          return room === undefined ? undefined : roomOf(run, room);
        },
      };
    },
    read: (runId, where = {}) => read(runId, where, () => lane.read(runId, where)),
  };

  const log: SqlLog = {
    async create(runId) {
      assertOpen();
      if (mine.has(runId)) return;
      assertStorableId(runId, 'run.id');
      const number = await database.write(() => createRun(runId, Date.now() + ttls.openTtlMs));
      if (number === undefined) return;
      await memory.create(runId);
      const source = stageOf(copied.copy(runId));
      const run = new JournalRun({ id: runId, number, writer, source, windowBytes, ...ttls, onLost, onWritten });
      mine.set(runId, run);
      lost.delete(runId);
      run.take();
      takeovers.start();
    },
    append,
    read: (runId, where = {}) => read(runId, where, () => memory.read(runId, where)),
    async delete(runId) {
      assertOpen();
      if (!isStorableId(runId)) return;
      doomed.add(runId);
      lost.delete(runId);
      const run = mine.get(runId);
      if (run !== undefined) {
        run.forget(expiredRun(runId));
        letGo(run);
      }
      try {
        await database.write(() => deleteRun(runId));
      } finally {
        doomed.delete(runId);
        changes.onWritten(runId);
      }
    },
    async close() {
      if (state === 'closed') return;
      await journal.flush();
      state = 'closed';
      journal.close(closing());
      takeovers.stop();
      for (const run of [...mine.values()]) {
        run.forget(closing());
        letGo(run);
      }
      changes.close(closing());
      database.close();
    },
    [textRows]: rows,
  };
  return log;
};

const placeOf = ({ offset }: LogEntry): Place => {
  const place = parseOffset(offset);
  if (place === undefined) throw unknownOffset(offset);
  return place;
};

const hasteOf = (entries: readonly LogEntry[]): Haste => {
  let haste: Haste = 'later';
  for (const entry of entries) {
    if ('end' in entry) return 'now';
    if (entry.event.type !== 'thread.item.updated') haste = 'soon';
  }
  return haste;
};
