/**
 * Steps 2 and 3 of the path of a token, append and tail, in one process: a bounded ring of entries per run, and readers
 * that replay it and then follow it. The ring *is* the log: a reader never gets anything that is not in it.
 */
import {
  ChatKitError,
  compareOffsets,
  entriesOfRow,
  isTextRow,
  type LogEntry,
  parseOffset,
  type ReadOptions,
  type RowLane,
  type StreamLog,
  type TextRow,
  textRows,
} from '@chatkit/core';
import type { EntryList } from '../shared/entry-list.ts';
import { deltaSize, entrySize } from '../shared/event-size.ts';
import { TailReader } from '../shared/tail-reader.ts';
import { tooLarge } from '../shared/too-large.ts';
import { Run, type RunLog, releaseRoom, roomOf, settleRoom, type Tail, wakeAll } from './memory-run.ts';

export interface MemoryLogOptions {
  /**
   * How much of one run is kept, in bytes (about the length of the events' JSON). Beyond that the oldest entries are
   * dropped, and a reader that still needs them fails with `log.expired`. A single entry that is larger is refused with
   * `event.too_large`. Default 8 MiB.
   */
  maxBytesPerRun?: number | undefined;
  /**
   * How far the furthest of the attached readers may lag, in bytes, before `append` returns a promise. The promise
   * resolves when that lag has fallen to half of this, or no reader is left. A slower reader holds nobody up: it may
   * fall behind by what is kept of the run. Default 32 KiB, at most half of `maxBytesPerRun`.
   */
  maxLagBytes?: number | undefined;
  /**
   * How much of all runs together is kept, in bytes. Beyond that the least recently used finished runs are evicted.
   * Default 64 MiB.
   */
  maxBytes?: number | undefined;
  /** How many finished runs are kept. Beyond that the least recently used are evicted. Default 1,000. */
  maxFinishedRuns?: number | undefined;
  /** Called for each finished run that is evicted. */
  onEvict?: ((runId: string) => void) | undefined;
}

/**
 * A log in memory. A run's entries are kept until the run is deleted or, once it has ended, until other runs need the
 * room. Entries are kept by reference: do not change an entry after appending it.
 *
 * Readers are lazy and can be iterated once: `read()` attaches at the first `next()`, holds one listener on its signal,
 * and detaches however it ends. `return()` settles a pending `next()`.
 *
 * @example
 * const log = createMemoryLog({ maxBytes: 256 * 1024 * 1024 });
 */
export const createMemoryLog = (options: MemoryLogOptions = {}): StreamLog => createCopiedLog(options).log;

/** A memory log whose runs another log copies to where they outlast the process. */
export interface CopiedLog {
  readonly log: StreamLog;
  readonly rows: RowLane;
  /** Reads a run for its copy. The producer waits for this reader too, because an entry that it misses is lost. */
  copy(runId: string): AsyncIterable<LogEntry | TextRow>;
}

export const createCopiedLog = (options: MemoryLogOptions): CopiedLog => {
  const maxBytesPerRun = options.maxBytesPerRun ?? 8 * 1024 * 1024;
  const maxLagBytes = Math.min(options.maxLagBytes ?? 32 * 1024, maxBytesPerRun / 2);
  const maxBytes = options.maxBytes ?? 64 * 1024 * 1024;
  const maxFinishedRuns = options.maxFinishedRuns ?? 1000;
  const runs = new Map<string, Run>();
  /** Ended runs without readers, least recently used first. */
  const idle = new Map<string, Run>();
  let bytes = 0;

  const known = (runId: string): Run => {
    const run = runs.get(runId);
    if (run === undefined)
      throw new ChatKitError('run.not_found', `There is no run with the id ${JSON.stringify(runId)}.`, {
        details: { id: runId },
      });
    return run;
  };
  const forget = (run: Run): void => {
    runs.delete(run.id);
    idle.delete(run.id);
    bytes -= run.list.total - run.list.dropped;
    run.state = 'forgotten';
    wakeAll(run);
    releaseRoom(run);
  };
  /** Marks a run as most recently used if it has ended and has no readers, and evicts runs while there are too many. */
  const rest = (run: Run): void => {
    if (run.state === 'ended' && run.tails.length === 0) idle.set(run.id, run);
    if (idle.size <= maxFinishedRuns && bytes <= maxBytes) return;
    for (const oldest of idle.values()) {
      if (idle.size <= maxFinishedRuns && bytes <= maxBytes) return;
      forget(oldest);
      options.onEvict?.(oldest.id);
    }
  };
  const dropOldest = (run: Run): void => {
    const { list } = run;
    const before = list.dropped;
    while (list.total - list.dropped > maxBytesPerRun) list.dropFirst();
    bytes -= list.dropped - before;
  };

  const readers: Readers = {
    known,
    onEntered: ({ id }) => idle.delete(id),
    onLeft: rest,
    maxLagBytes,
  };

  /** Finishes an append: trims, wakes readers, and returns the backpressure. */
  const settle = (run: Run): Promise<void> | undefined => {
    dropOldest(run);
    wakeAll(run);
    rest(run);
    return roomOf(run, maxLagBytes);
  };
  const append: StreamLog['append'] = (runId, entries) => {
    const run = known(runId);
    const { list } = run;
    let refused: ChatKitError | undefined;
    list.beginAppend(entries.length);
    for (const entry of entries) {
      const place = parseOffset(entry.offset);
      if (!list.isNew(entry.offset, place)) continue;
      if (run.state !== 'open') {
        refused = closed(run, entry);
        break;
      }
      const size = entrySize(entry);
      if (size > maxBytesPerRun) {
        refused = tooLarge(runId, entry.offset, maxBytesPerRun);
        break;
      }
      bytes += size;
      list.push(entry, place, size);
      if ('end' in entry) run.state = 'ended';
    }
    const room = settle(run);
    if (refused !== undefined) throw refused;
    return room;
  };
  const runLog: RunLog = {
    appendRow(run, row) {
      const { list } = run;
      const isPlain = run.state === 'open' && list.isNewRow(row) && row.deltas.every(fits);
      if (!isPlain) return append(run.id, entriesOfRow(row));
      const before = list.total;
      list.pushRow(row);
      bytes += list.total - before;
      return settle(run);
    },
  };
  const rows: RowLane = {
    get log() {
      return log;
    },
    writer: (runId) => runs.get(runId) ?? { append: (row) => known(runId).append(row) },
    read: (runId, options = {}) => new MemoryReader(readers, runId, options, rowAt).entries,
  };
  const fits = (delta: string): boolean => deltaSize(delta) <= maxBytesPerRun;

  const log: StreamLog = {
    async create(runId) {
      if (!runs.has(runId)) runs.set(runId, new Run(runId, runLog));
    },
    append,
    read: (runId, options = {}) => new MemoryReader(readers, runId, options, entryAt).entries,
    async delete(runId) {
      const run = runs.get(runId);
      if (run !== undefined) forget(run);
    },
    [textRows]: rows,
  };
  return {
    log,
    rows,
    copy(runId) {
      const reader = new MemoryReader(readers, runId, {}, rowAt);
      known(runId).copy = reader;
      return reader.entries;
    },
  };
};

/** The part of the log that its readers need. */
interface Readers {
  /** The run with this id; throws if there is none. */
  known(runId: string): Run;
  onEntered(run: Run): void;
  onLeft(run: Run): void;
  readonly maxLagBytes: number;
}

/** Two ways to read the list at a position: one entry, or as much of a row as there is. */
const entryAt = (list: EntryList, number: number): LogEntry | undefined => list.at(number);
const rowAt = (list: EntryList, number: number): LogEntry | TextRow | undefined => list.rowAt(number);

class MemoryReader<T extends LogEntry | TextRow> extends TailReader<T> implements Tail {
  private readonly log: Readers;
  private readonly runId: string;
  private readonly after: string | undefined;
  private run!: Run;
  /** Whether `after` is beyond the last entry: entries up to it are then skipped. */
  private isAhead = false;
  position = 0;
  private readonly itemAt: (list: EntryList, number: number) => T | LogEntry | undefined;

  constructor(
    log: Readers,
    runId: string,
    { after, signal }: ReadOptions,
    itemAt: (list: EntryList, number: number) => T | undefined,
  ) {
    super(signal);
    this.log = log;
    this.runId = runId;
    this.after = after;
    this.itemAt = itemAt;
  }

  protected attach(): void {
    const { after } = this;
    const run = this.log.known(this.runId);
    const { list } = run;
    const lastDropped = list.lastDropped();
    if (lastDropped !== undefined && (after === undefined || compareOffsets(after, lastDropped) < 0))
      throw expired(run);
    this.position = after === undefined ? list.first : list.firstAfter(after);
    this.isAhead = after !== undefined && this.position === list.end;
    this.run = run;
    run.tails = run.tails.concat(this);
    this.log.onEntered(run);
    settleRoom(run, this.log.maxLagBytes);
  }

  protected poll(): T | 'wait' | 'end' {
    const { run } = this;
    for (;;) {
      if (run.state === 'forgotten' || this.position < run.list.first) throw expired(run);
      const next = this.isAhead ? run.list.at(this.position) : this.itemAt(run.list, this.position);
      if (next === undefined) return run.state === 'ended' ? 'end' : 'wait';
      this.position += isTextRow(next) ? next.deltas.length : 1;
      if (run.room !== undefined) settleRoom(run, this.log.maxLagBytes);
      if (this.isAhead && compareOffsets((next as LogEntry).offset, this.after as string) <= 0) continue;
      this.isAhead = false;
      return next as T;
    }
  }

  protected detach(): void {
    const { run } = this;
    run.tails = run.tails.filter((each) => each !== this);
    settleRoom(run, this.log.maxLagBytes);
    this.log.onLeft(run);
  }
}

const expired = (run: Run): ChatKitError =>
  new ChatKitError(
    'log.expired',
    `The run ${JSON.stringify(run.id)} no longer has the entries that this reader needs.`,
    {
      details: { id: run.id },
    },
  );

const closed = (run: Run, { offset }: LogEntry): ChatKitError =>
  new ChatKitError('log.closed', `The run ${JSON.stringify(run.id)} has ended; nothing can follow.`, {
    details: { id: run.id, offset },
  });
