/**
 * From a run's log to a body: entries go in, text comes out. It is a stage of the stream engine, so an entry that is
 * appended while the connection waits becomes a frame and reaches it within the call of `append`. While the connection
 * is busy nothing is taken from the log; then what is there is taken together, so that it can be merged.
 */
import type { LogEntry, TextRow } from '@chatkit/core';
import type { Stream } from '@chatkit/stream';
import { type Cleanup, type Failure, outlet, type Sink, type Stage, stageOf } from '@chatkit/stream/engine';

/** Entries become frames, one after the other. Both functions return text, perhaps none. */
export interface FrameEncoder {
  /** Takes an entry, or those of a row, and may keep it back to join it to the next one. */
  add(entry: LogEntry | TextRow): string;
  /** What was kept back: there is no next one yet. */
  rest(): string;
  /** The offset of the last frame that was returned. */
  offset(): string | undefined;
}

export interface FrameStreamOptions {
  entries: AsyncIterable<LogEntry | TextRow>;
  encoder: FrameEncoder;
  /** Called once, when the stream is over, however it ended. */
  onOver: () => void;
}

/** Text that is taken together has about this many characters at most. Few, so that the first of it leaves soon. */
const maxLength = 8 * 1024;

/** A class for the reason that a log's reader is one: each open connection has it, and each token finds it cold. */
export class FrameStream implements Stage<string>, Sink<LogEntry | TextRow> {
  /** To be read once; each item is one or more whole frames. */
  readonly frames: Stream<string> = outlet<string>(this);
  private readonly upstream: Stage<LogEntry | TextRow>;
  private readonly encoder: FrameEncoder;
  private readonly onOver: () => void;
  /** Who asks and has had no answer. */
  private sink: Sink<string> | undefined;
  /** What has been taken and not been given. */
  private text = '';
  private given: string | undefined;
  /** An entry is asked for and not there yet. */
  private isWaiting = false;
  private isWorking = false;
  private ended: { readonly failure: Failure | undefined } | undefined;
  private isOver = false;
  private onFirst: ((hasEntry: boolean) => void) | undefined;

  constructor({ entries, encoder, onOver }: FrameStreamOptions) {
    this.upstream = stageOf(entries);
    this.encoder = encoder;
    this.onOver = onOver;
  }

  /** Reads the first entry ahead. Resolves to whether there is one; rejects with why it cannot be read. */
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

  /** The offset up to which everything has been given. */
  offset(): string | undefined {
    return this.given;
  }

  /** Ends the stream behind what has been given. */
  stop(): void {
    this.endUpstream();
    this.work();
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
    this.isWaiting = false;
    this.ended ??= { failure };
    this.onFirst?.(false);
    this.work();
  }

  /** Answers whoever asks, if there is something to say; in a loop, because it may ask again inside the answer. */
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
