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

/**
 * Encodes entries as frames. `add` and `rest` return frames, or an empty string. Once one of them has thrown, neither
 * is called again; it must have returned everything that came before what it throws for.
 */
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
  /**
   * `pulled`: an entry has been asked for and has not arrived. `exchanged`: another source takes its place, so its end
   * is not the end. `ended`: there are no more entries, by themselves or by a failure. `closed`: it was given up, and
   * nothing more is encoded.
   */
  private source: 'idle' | 'pulled' | 'exchanged' | 'ended' | 'closed' = 'idle';
  private failure: Failure | undefined;
  /** `delivering`: the loop of `deliver` is in progress. */
  private output: 'idle' | 'delivering' | 'over' = 'idle';
  /** Who has pulled and not been answered yet. */
  private sink: Sink<string> | undefined;
  /** Encoded text that has not been delivered yet. */
  private text = '';
  /** The offset up to which everything has been delivered. */
  private delivered: string | undefined;
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
        if (this.failure === undefined || this.text !== '') resolve(hasEntry);
        else reject(this.failure.error);
      };
      this.ask();
    });
  }

  /** The offset up to which everything has been delivered. */
  offset(): string | undefined {
    return this.delivered;
  }

  /**
   * Ends the stream after what has been delivered, or fails it there; what has only been taken from the log is dropped.
   */
  stop(failure?: Failure): void {
    this.closeSource(failure);
    this.deliver();
  }

  readOn(read: (after: string | undefined) => AsyncIterable<LogEntry | TextRow>): void {
    const { source, newest } = this;
    if (source === 'ended' || source === 'closed') return;
    this.source = 'exchanged';
    this.upstream.close()?.catch(() => {});
    const after = newest && (isTextRow(newest) ? lastOffsetOfRow(newest) : newest.offset);
    this.upstream = stageOf(read(after));
    this.source = 'idle';
    if (source === 'pulled') this.ask();
  }

  pull(to: Sink<string>): void {
    if (this.output === 'over') return to.end(this.failure);
    this.sink = to;
    this.deliver();
  }

  close(): Cleanup {
    const cleanup = this.closeSource();
    this.over();
    this.letGo()?.end();
    return cleanup;
  }

  item(entry: LogEntry | TextRow): void {
    this.arrived();
    this.add(entry);
    this.onFirst?.(true);
    this.deliver();
  }

  items(chunk: (LogEntry | TextRow)[]): void {
    this.arrived();
    for (const entry of chunk) this.add(entry);
    this.onFirst?.(true);
    this.deliver();
  }

  end(failure?: Failure): void {
    if (this.source === 'exchanged') return;
    if (this.source !== 'closed') {
      this.source = 'ended';
      this.failure = failure;
    }
    this.onFirst?.(false);
    this.deliver();
  }

  /**
   * Answers the pending pull if there is anything to deliver. A loop, because the consumer may pull again while it is
   * being answered.
   */
  private deliver(): void {
    if (this.output !== 'idle') return;
    this.output = 'delivering';
    while (this.sink !== undefined) {
      while (this.source === 'idle' && this.text.length < maxLength) this.ask();
      if (this.source !== 'idle') this.addRest();
      if (this.text !== '') {
        const { text } = this;
        this.text = '';
        this.delivered = this.encoder.offset();
        this.letGo()?.item(text);
      } else if (this.isDone) {
        this.over();
        this.letGo()?.end(this.failure);
      } else break;
    }
    if (this.output === 'delivering') this.output = 'idle';
  }

  private ask(): void {
    this.source = 'pulled';
    this.upstream.pull(this);
  }

  private arrived(): void {
    if (this.source === 'pulled') this.source = 'idle';
  }

  private add(entry: LogEntry | TextRow): void {
    if (this.source === 'closed') return;
    this.newest = entry;
    try {
      this.text += this.encoder.add(entry);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Adds what the encoder has held back. */
  private addRest(): void {
    if (this.source === 'closed') return;
    try {
      this.text += this.encoder.rest();
    } catch (error) {
      this.fail(error);
    }
  }

  /** Ends the stream behind what has been encoded: anything that followed would leave a gap that nobody notices. */
  private fail(error: unknown): void {
    this.source = 'closed';
    this.failure = { error };
    this.upstream.close()?.catch(() => {});
  }

  private get isDone(): boolean {
    return this.source === 'ended' || this.source === 'closed';
  }

  private letGo(): Sink<string> | undefined {
    const to = this.sink;
    this.sink = undefined;
    return to;
  }

  /** Gives the log up. Text that has not been delivered is dropped, and whatever came after it. */
  private closeSource(failure?: Failure): Cleanup {
    this.source = 'closed';
    this.failure = failure;
    this.text = '';
    return this.upstream.close();
  }

  private over(): void {
    if (this.output === 'over') return;
    this.output = 'over';
    this.onOver();
  }
}
