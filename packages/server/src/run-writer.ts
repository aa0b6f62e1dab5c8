/**
 * Step 2 of the path of a token, append: gives the events of a run their offsets, one per event, and writes them into
 * the run's log. Until the run has been granted its log, entries are kept here, for readers that come early. Waiting
 * for room in the log is the backpressure; a stop ends that wait.
 */
import {
  entriesOfRow,
  formatOffset,
  isChatKitError,
  type LogEntry,
  type RowWriter,
  type RunOutcome,
  rowLaneOf,
  type StreamLog,
  type TextRow,
  type ThreadStreamEvent,
} from '@chatkit/core';
import type { Failure } from '@chatkit/stream/engine';
import type { EventWriter } from './event-writer.ts';

/** The ownership under which a run writes: the epoch of its lease, and whether the lease is still held. */
export interface RunOwner {
  readonly epoch: number;
  /** Called before each write. May stop the run with the cause `lost`. */
  readonly isHeld: () => boolean;
}

export interface RunWriterListener {
  /** Called after each append. */
  onWritten(): void;
  /** Called once, when the log has failed, so that nobody can read any further. */
  onBroken(): void;
}

/**
 * A class and not closures, like everything else that a token touches: each token finds the objects of its run out of
 * the processor's caches.
 */
export class RunWriter implements EventWriter {
  private readonly id: string;
  private readonly log: StreamLog;
  private readonly listener: RunWriterListener;
  /** `RunOwner`, once the run has been granted its log. */
  private epoch = 1;
  private isOwned: (() => boolean) | undefined;
  /** Where text goes, if the log takes it in rows. */
  private rows: RowWriter | undefined;
  private isStopped = false;
  /** Ends the wait of each writer that waits for room in the log. */
  private waiting: Set<() => void> | undefined;
  /** Why nothing more can be written. */
  private broken: Failure | undefined;
  private seq = 0;
  /**
   * The entries of a run that has no log yet. One that never gets a log has only that it did not begin, and how it
   * ended.
   */
  readonly unwritten: LogEntry[] = [];

  constructor(id: string, log: StreamLog, listener: RunWriterListener) {
    this.id = id;
    this.log = log;
    this.listener = listener;
  }

  get hasLog(): boolean {
    return this.isOwned !== undefined;
  }

  /** How many entries have been written. */
  get count(): number {
    return this.seq;
  }

  /** Whether nothing has been written. */
  get isEmpty(): boolean {
    return this.seq === 0;
  }

  /** The offset of the newest entry, or the position before the first one. */
  get lastOffset(): string {
    return this.offsetAt(this.seq);
  }

  /** Whether the run may write now. Checking may stop the run. */
  isHeld(): boolean {
    return this.isOwned?.() !== false;
  }

  /** Grants the log, which must have been created. Entries that were kept here are written into it. */
  async own({ epoch, isHeld }: RunOwner): Promise<void> {
    this.epoch = epoch;
    this.isOwned = isHeld;
    this.rows = rowLaneOf(this.log)?.writer(this.id);
    if (this.unwritten.length > 0) await this.log.append(this.id, this.unwritten);
  }

  /**
   * Appends an event, unless the run is lost or its log has failed. A returned promise is the backpressure; it does not
   * reject. Throws only `event.too_large`, where the fault is the event's and the log is still usable.
   */
  write(event: ThreadStreamEvent): Promise<void> | undefined {
    return this.writing(() => this.append([{ offset: this.offsetAt(this.seq + 1), event }]));
  }

  /**
   * Appends one or more text deltas of one part. If one of them is too large, those before it may have been appended.
   */
  writeText(itemId: string, part: number, deltas: readonly string[]): Promise<void> | undefined {
    return this.writing(() => this.appendRow({ epoch: this.epoch, seq: this.seq + 1, itemId, part, deltas }));
  }

  /** The run is to stop: ends all waits for room. */
  stop(): void {
    this.isStopped = true;
    for (const goOn of this.waiting ?? []) goOn();
  }

  /** Throws if an append has failed, so that events are missing from the log for good. */
  finish(): void {
    if (this.broken !== undefined) throw this.broken.error;
  }

  /** Appends the `error` event of a run that failed, even if earlier appends failed. */
  async writeLast(event: ThreadStreamEvent): Promise<void> {
    await this.append([{ offset: this.offsetAt(this.seq + 1), event }]);
  }

  /**
   * Appends the terminal entry and resolves when it is stored, even for a stopped run. Only then may the lease be
   * released: a reader on another machine that finds a run's lease ended but its log not takes the log for lost.
   */
  async end(outcome: RunOutcome): Promise<void> {
    this.seq += 1;
    await this.store([{ offset: this.lastOffset, end: outcome }]);
  }

  private writing(append: () => Promise<void> | undefined): Promise<void> | undefined {
    if (this.broken !== undefined || !this.isHeld()) return undefined;
    try {
      const room = append();
      this.listener.onWritten();
      return room?.catch((error) => this.breakOff(error));
    } catch (error) {
      if (isChatKitError(error, 'event.too_large')) throw error;
      this.breakOff(error);
      return undefined;
    }
  }

  private append(entries: readonly LogEntry[]): Promise<void> | undefined {
    return this.appended(entries.length, this.store(entries));
  }

  private store(entries: readonly LogEntry[]): Promise<void> | undefined {
    return this.isOwned === undefined ? void this.unwritten.push(...entries) : this.log.append(this.id, entries);
  }

  private appendRow(row: TextRow): Promise<void> | undefined {
    if (this.rows === undefined) return this.append(entriesOfRow(row));
    return this.appended(row.deltas.length, this.rows.append(row));
  }

  private appended(count: number, room: Promise<void> | undefined): Promise<void> | undefined {
    this.seq += count;
    return room === undefined ? undefined : this.settledOrStopped(room);
  }

  /**
   * A set and not the run's signal: adding and removing a listener each time the log is full would double the cost of
   * the wait.
   */
  private settledOrStopped(room: Promise<void>): Promise<void> {
    this.waiting ??= new Set();
    const { waiting } = this;
    return new Promise((resolve, reject) => {
      const settle = () => {
        waiting.delete(settle);
        resolve();
      };
      room.then(settle, (error) => {
        waiting.delete(settle);
        reject(error);
      });
      if (this.isStopped) resolve();
      else waiting.add(settle);
    });
  }

  private breakOff(error: unknown): void {
    if (this.broken !== undefined) return;
    this.broken = { error };
    this.listener.onBroken();
  }

  private offsetAt(seq: number): string {
    return formatOffset(this.epoch, seq);
  }
}
