/** Passes everything on, and notes what the stage after it does against the protocol between stages. */
import type { Cleanup, Failure, Sink, Stage } from '../../src/engine/stage.ts';

export class StrictStage<T> implements Stage<T>, Sink<T> {
  readonly faults: string[] = [];
  private readonly upstream: Stage<T>;
  private sink: Sink<T> | undefined;
  private isOver = false;
  private isClosed = false;

  constructor(upstream: Stage<T>) {
    this.upstream = upstream;
  }

  /** Whether it has been asked and has not answered. */
  get isOpen(): boolean {
    return this.sink !== undefined;
  }

  pull(sink: Sink<T>): void {
    if (this.sink !== undefined) this.faults.push('two pulls at a time');
    if (this.isOver && !this.isClosed) this.faults.push('a pull after the end');
    this.sink = sink;
    this.upstream.pull(this);
  }

  close(): Cleanup {
    this.isClosed = true;
    return this.upstream.close();
  }

  item(value: T): void {
    this.letGo()?.item(value);
  }

  items(chunk: T[]): void {
    this.letGo()?.items(chunk);
  }

  end(failure?: Failure): void {
    this.isOver = true;
    this.letGo()?.end(failure);
  }

  private letGo(): Sink<T> | undefined {
    const to = this.sink;
    this.sink = undefined;
    return to;
  }
}
