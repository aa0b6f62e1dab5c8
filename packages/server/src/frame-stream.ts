/**
 * Turns a run's log into the body of a response: log entries go in, text comes out. It is a stage of the stream engine,
 * so an entry that is appended while the connection waits is encoded and delivered within the call of `append`. While
 * the connection is busy nothing is taken from the log; afterwards everything that has accumulated is taken together,
 * so that it can be merged.
 */
import { isTextRow, type LogEntry, lastOffsetOfRow, type TextRow } from '@chatkit/core';
import type { Stream } from '@chatkit/stream';
import { type Cleanup, type Failure, outlet, type Sink, type Stage, stageOf } from '@chatkit/stream/engine';
import type { Follower } from './lost-end.ts';

/** Encodes entries as frames. `add` and `rest` return frames, or an empty string. */
export interface FrameEncoder {
  /** Takes an entry or a row, and may hold it back to merge it with the next one. */
  add(entry: LogEntry | TextRow): string;
  /** Returns what was held back, because there is no next entry yet. */
  rest(): string;
  /** The offset of the last frame that was returned, if frames have offsets. */
  offset(): string | undefined;
}

export interface FrameStreamOptions {
  entries: AsyncIterable<LogEntry | TextRow>;
  encoder: FrameEncoder;
  /** Called once, when the stream is over, however it ended. */
  onOver: () => void;
}

/** About how many characters are taken together at most. Few, so that the first of them leave soon. */
const maxLength = 8 * 1024;

/**
 * A class and not closures, as for a log's reader: there is one per open connection, and each token finds it out of the
 * processor's caches.
 */
export class FrameStream implements Stage<string>, Sink<LogEntry | TextRow>, Follower {
  /** The output, to be read once. Each value is one or more whole frames. */
  readonly frames: Stream<string> = outlet<string>(this);
  private upstream: Stage<LogEntry | TextRow>;
  private readonly encoder: FrameEncoder;
  private readonly onOver: () => void;
  /** Who has pulled and not been answered yet. */
  private sink: Sink<string> | undefined;
  /** Encoded text that has not been delivered yet. */
  private text = '';
  private given: string | undefined;
  /** Whether an entry has been asked for and has not arrived. */
  private isWaiting = false;
  private isWorking = false;
  private ended: { readonly failure: Failure | undefined } | undefined;
  private isOver = false;
  private isSwitching = false;
  /** The last entry that came. */
  private newest: LogEntry | TextRow | undefined;
  private onFirst: ((hasEntry: boolean) => void) | undefined;

  constructor({ entries, encoder, onOver }: FrameStreamOptions) {
    this.upstream = stageOf(entries);
    this.encoder = encoder;
    this.onOver = onOver;
  }

  /** Reads the first entry ahead. Resolves with whether there is one; rejects if the log cannot be read. */
  begin(): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.onFirst = (hasEntry) => {
        this.onFirst = undefined;
        if (this.ended?.failure === undefined) resolve(hasEntry);
        else reject(this.ended.failure.error);
      };
      this.ask();
    });
  }

  /** The offset up to which everything has been delivered. */
  offset(): string | undefined {
    return this.given;
  }

  /** Ends the stream after what has been delivered; what has only been encoded is dropped. */
  stop(): void {
    this.endUpstream();
    this.work();
  }

  readOn(read: (after: string | undefined) => AsyncIterable<LogEntry | TextRow>): void {
    if (this.ended !== undefined) return;
    const { newest } = this;
    this.isSwitching = true;
    this.upstream.close()?.catch(() => {});
    this.isSwitching = false;
    const after = newest && (isTextRow(newest) ? lastOffsetOfRow(newest) : newest.offset);
    this.upstream = stageOf(read(after));
    if (!this.isWaiting) return;
    this.ask();
  }

  pull(to: Sink<string>): void {
    this.sink = to;
    this.work();
  }

  close(): Cleanup {
    const cleanup = this.endUpstream();
    this.over();
    this.letGo()?.end();
    return cleanup;
  }

  item(entry: LogEntry | TextRow): void {
    this.isWaiting = false;
    this.add(entry);
    this.onFirst?.(true);
    this.work();
  }

  items(chunk: (LogEntry | TextRow)[]): void {
    this.isWaiting = false;
    for (const entry of chunk) this.add(entry);
    this.onFirst?.(true);
    this.work();
  }

  end(failure?: Failure): void {
    // The end of a source that was given up.
    if (this.isSwitching) return;
    this.isWaiting = false;
    this.ended ??= { failure };
    this.onFirst?.(false);
    this.work();
  }

  /**
   * Answers the pending pull if there is anything to deliver. A loop, because the consumer may pull again while it is
   * being answered.
   */
  private work(): void {
    if (this.isWorking) return;
    this.isWorking = true;
    while (this.sink !== undefined) {
      while (!this.isWaiting && this.ended === undefined && this.text.length < maxLength) this.ask();
      if (this.isWaiting || this.ended !== undefined) this.text += this.encoder.rest();
      if (this.text !== '') {
        const given = this.text;
        this.text = '';
        this.given = this.encoder.offset();
        this.letGo()?.item(given);
      } else if (this.ended !== undefined) {
        this.over();
        this.letGo()?.end(this.ended.failure);
      } else break;
    }
    this.isWorking = false;
  }

  private ask(): void {
    this.isWaiting = true;
    this.upstream.pull(this);
  }

  private add(entry: LogEntry | TextRow): void {
    this.newest = entry;
    try {
      this.text += this.encoder.add(entry);
    } catch (error) {
      this.endUpstream({ error });
    }
  }

  private letGo(): Sink<string> | undefined {
    const to = this.sink;
    this.sink = undefined;
    return to;
  }

  private endUpstream(failure?: Failure): Cleanup {
    this.ended = { failure };
    this.text = '';
    return this.upstream.close();
  }

  private over(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.onOver();
  }
}
