/**
 * Verb 2 of the path of a token: append. What a run says gets its offsets, one per event, and goes into the log. Before
 * the run has been given the log it is kept here, for readers that come early. Waiting for the log's room is the
 * backpressure; a stop does not wait for it.
 */
import {
  entriesOfRow,
  formatOffset,
  isChatKitError,
  type LogEntry,
  type RowLane,
  type RunOutcome,
  rowLaneOf,
  type StreamLog,
  type TextRow,
  type ThreadStreamEvent,
} from '@chatkit/core';
import type { Failure } from '@chatkit/stream/engine';

/** By what right a run writes. */
export interface RunOwner {
  readonly epoch: number;
  /** Asked before each write. May stop the run with `lost`. */
  isHeld(): boolean;
}

export interface RunWriterOptions {
  id: string;
  log: StreamLog;
  /** Called when something has been said. */
  onSaid: () => void;
  /** Called once, when the log has failed: nobody can read on. */
  onBroken: () => void;
}

/** A class, as is what it works with, because each token finds the objects of its run out of the processor's caches. */
export class RunWriter {
  private readonly id: string;
  private readonly log: StreamLog;
  private readonly lane: RowLane | undefined;
  private readonly onSaid: () => void;
  private readonly onBroken: () => void;
  private owner: RunOwner | undefined;
  private isStopped = false;
  /** Those who wait for the log's room. */
  private readonly waiting = new Set<() => void>();
  /** Why nothing more can be written. */
  private broken: Failure | undefined;
  /** How many entries there are. */
  private seq = 0;
  /** What a run without a log has to say: that it did not begin, and how it ended. */
  readonly unwritten: LogEntry[] = [];

  constructor({ id, log, onSaid, onBroken }: RunWriterOptions) {
    this.id = id;
    this.log = log;
    this.lane = rowLaneOf(log);
    this.onSaid = onSaid;
    this.onBroken = onBroken;
  }

  get hasLog(): boolean {
    return this.owner !== undefined;
  }

  /** Whether nothing has been said. */
  get isEmpty(): boolean {
    return this.seq === 0;
  }

  /** The offset of the newest entry; of the position before the first one while there is none. */
  get lastOffset(): string {
    return this.offsetAt(this.seq);
  }

  /** Whether what is written now is the run's to write; looking may stop the run. */
  isHeld(): boolean {
    return this.owner?.isHeld() !== false;
  }

  /** Gives it the log, which must be there. What was said before goes into it. */
  async own(as: RunOwner): Promise<void> {
    this.owner = as;
    if (this.unwritten.length > 0) await this.log.append(this.id, this.unwritten);
  }

  /**
   * Says an event, unless the run is lost or its log broken. The promise, where there is one, is the backpressure; it
   * does not reject. Throws `event.too_large` alone: the log is sound then, it is the event that is not.
   */
  say(event: ThreadStreamEvent): Promise<void> | undefined {
    return this.saying(() => this.append([{ offset: this.offsetAt(this.seq + 1), event }]));
  }

  /**
   * `say` of text deltas of one part, at least one. What came before one that is too large may be said, and be said
   * again.
   */
  sayText(itemId: string, part: number, deltas: readonly string[]): Promise<void> | undefined {
    return this.saying(() => this.appendRow({ epoch: this.epoch, seq: this.seq + 1, itemId, part, deltas }));
  }

  /** The run is to stop: nobody waits for room any more. */
  stop(): void {
    this.isStopped = true;
    for (const goOn of this.waiting) goOn();
  }

  /** Resolves when everything that was said is in the log; rejects when some of it is not and never will be. */
  async finish(): Promise<void> {
    if (this.broken !== undefined) throw this.broken.error;
  }

  /** Appends the last event of a run that failed, whatever became of the others. */
  async sayLast(event: ThreadStreamEvent): Promise<void> {
    await this.append([{ offset: this.offsetAt(this.seq + 1), event }]);
  }

  /**
   * Appends the terminal entry. Resolves when it is kept, stopped or not: the lease goes after it, and a reader
   * elsewhere who finds a run whose lease has ended before its log takes the log for lost.
   */
  async end(outcome: RunOutcome): Promise<void> {
    const kept = this.write([{ offset: this.offsetAt(this.seq + 1), end: outcome }]);
    this.seq += 1;
    await kept;
  }

  private saying(append: () => Promise<void> | undefined): Promise<void> | undefined {
    if (this.broken !== undefined || !this.isHeld()) return undefined;
    try {
      const room = append();
      this.onSaid();
      return room?.catch((error) => this.breakOff(error));
    } catch (error) {
      if (isChatKitError(error, 'event.too_large')) throw error;
      this.breakOff(error);
      return undefined;
    }
  }

  private append(entries: readonly LogEntry[]): Promise<void> | undefined {
    return this.appended(entries.length, this.write(entries));
  }

  private write(entries: readonly LogEntry[]): Promise<void> | undefined {
    return this.owner === undefined ? void this.unwritten.push(...entries) : this.log.append(this.id, entries);
  }

  private appendRow(row: TextRow): Promise<void> | undefined {
    if (this.lane === undefined || this.owner === undefined) return this.append(entriesOfRow(row));
    return this.appended(row.deltas.length, this.lane.append(this.id, row));
  }

  private appended(count: number, room: Promise<void> | undefined): Promise<void> | undefined {
    this.seq += count;
    return room === undefined ? undefined : this.settledOrStopped(room);
  }

  /**
   * Not by the run's signal: a listener for each time that the log is full costs as much as the rest of the waiting.
   */
  private settledOrStopped(room: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        this.waiting.delete(settle);
        resolve();
      };
      room.then(settle, (error) => {
        this.waiting.delete(settle);
        reject(error);
      });
      if (this.isStopped) resolve();
      else this.waiting.add(settle);
    });
  }

  private breakOff(error: unknown): void {
    if (this.broken !== undefined) return;
    this.broken = { error };
    this.onBroken();
  }

  private offsetAt(seq: number): string {
    return formatOffset(this.epoch, seq);
  }

  private get epoch(): number {
    return this.owner?.epoch ?? 1;
  }
}
