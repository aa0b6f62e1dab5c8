/**
 * A reader that can switch to another source once: it reads a run from a first source (memory), and when that no longer
 * has the next entry (`log.expired`), continues in a second one (the database), after the last entry delivered.
 */
import { isChatKitError, isTextRow, type LogEntry, lastOffsetOfRow, type TextRow } from '@chatkit/core';
import type { Cleanup, Failure, Sink, Stage } from '@chatkit/stream/engine';

export interface MovingReaderOptions<T> {
  /** The first source. */
  readonly first: () => Stage<T>;
  /** The second source, from after this offset on, if there is one. What it throws fails the reader. */
  readonly next: (after: string | undefined) => Stage<T> | undefined;
  /** The offset after which the reader begins. */
  readonly after: string | undefined;
}

/** A class and not closures, because each token passes through it. */
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

  /** Pulls from the source that `find` returns. `orElse` is how the reader ends if there is none. */
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
