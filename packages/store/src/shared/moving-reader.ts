/**
 * A reader that goes on elsewhere: it reads a run where it is, and when that place says that it no longer has what
 * comes next, asks for another one, from behind the last entry that was given.
 */
import { isChatKitError, isTextRow, type LogEntry, lastOffsetOfRow, type TextRow } from '@chatkit/core';
import type { Cleanup, Failure, Sink, Stage } from '@chatkit/stream/engine';

export interface MovingReaderOptions<T> {
  /** Where the run is read at first. */
  readonly first: () => Stage<T>;
  /** Where it goes on after this offset, if anywhere; throws what the reader is to be told. */
  readonly next: (after: string | undefined) => Stage<T> | undefined;
  /** What the reader has had at first. */
  readonly after: string | undefined;
}

/** A class: each token passes it. */
export class MovingReader<T extends LogEntry | TextRow> implements Stage<T>, Sink<T> {
  private readonly options: MovingReaderOptions<T>;
  private source: Stage<T> | undefined;
  private state: 'at first' | 'moved' | 'closed' = 'at first';
  private last: T | undefined;
  private sink: Sink<T> | undefined;

  constructor(options: MovingReaderOptions<T>) {
    this.options = options;
  }

  pull(to: Sink<T>): void {
    this.sink = to;
    if (this.source === undefined && this.state === 'closed') this.letGo()?.end();
    else this.from(() => this.source ?? this.options.first());
  }

  close(): Cleanup {
    this.state = 'closed';
    return this.source?.close();
  }

  item(value: T): void {
    this.last = value;
    this.letGo()?.item(value);
  }

  items(chunk: T[]): void {
    this.last = chunk.at(-1);
    this.letGo()?.items(chunk);
  }

  end(why?: Failure): void {
    if (why === undefined || this.state !== 'at first' || !isChatKitError(why.error, 'log.expired')) {
      this.letGo()?.end(why);
      return;
    }
    this.state = 'moved';
    this.from(() => this.options.next(this.lastOffset()), why);
  }

  /** Asks the source that `find` finds. `orElse`: how it ends if there is none. */
  private from(find: () => Stage<T> | undefined, orElse?: Failure): void {
    let source: Stage<T> | undefined;
    let why = orElse;
    try {
      source = find();
    } catch (error) {
      why = { error };
    }
    if (source === undefined) {
      this.letGo()?.end(why);
      return;
    }
    this.source = source;
    source.pull(this);
  }

  private lastOffset(): string | undefined {
    const { last } = this;
    if (last === undefined) return this.options.after;
    return isTextRow(last) ? lastOffsetOfRow(last) : (last as LogEntry).offset;
  }

  private letGo(): Sink<T> | undefined {
    const to = this.sink;
    this.sink = undefined;
    return to;
  }
}
