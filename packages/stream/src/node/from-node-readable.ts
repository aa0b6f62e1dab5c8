/**
 * A stream over Node's `Readable`.
 */

import type { Readable } from 'node:stream';
import { Outlet } from '../engine/outlet.ts';
import { type Cleanup, SILENT, type Sink, Stage } from '../engine/stage.ts';
import type { Stream } from '../stream.ts';

/**
 * Reads `readable` by the chunk and destroys it on closing, also while a read is pending, which its own iterator cannot.
 * What was buffered before an error is delivered before it. A stream that is destroyed without an end is an error.
 *
 * @example
 * for await (const bytes of fromNodeReadable<Buffer>(request)) hash.update(bytes);
 */
export function fromNodeReadable<T>(readable: Readable): Stream<T> {
  return new Outlet(new ReadableStage<T>(readable));
}

class ReadableStage<T> extends Stage<T> {
  private readonly readable: Readable;
  private isAttached = false;
  private isOver = false;
  private error: { error: unknown } | undefined;

  constructor(readable: Readable) {
    super();
    this.readable = readable;
    // From the start and for good, as an 'error' without a listener ends the process; it may come after the last read.
    readable.on('error', this.onError);
  }

  pull(sink: Sink<T>): void {
    this.sink = sink;
    if (!this.isAttached && !this.isOver) {
      this.isAttached = true;
      this.readable.on('readable', this.serve).on('end', this.serve).on('close', this.serve);
    }
    this.serve();
  }

  close(): Cleanup {
    this.sink = SILENT;
    if (this.isOver) return undefined;
    this.detach();
    if (this.readable.destroyed) return undefined;
    return new Promise((resolve) => {
      this.readable
        .once('error', () => {})
        .once('close', resolve)
        .destroy();
    });
  }

  private readonly onError = (error: unknown): void => {
    this.error = { error };
    this.serve();
  };

  private readonly serve = (): void => {
    if (!this.isWaited || this.isOver) return void (this.isOver && this.answerDone());
    const chunk: T[] = [];
    if (!this.readable.destroyed) {
      for (let item = this.readable.read(); item !== null; item = this.readable.read()) chunk.push(item);
    }
    if (chunk.length > 0) this.answer(chunk);
    else if (this.error !== undefined) this.end(this.error);
    else if (this.readable.readableEnded) this.end('done');
    else if (this.readable.errored) this.end({ error: this.readable.errored });
    else if (this.readable.closed) this.end({ error: new Error('The stream was destroyed before its end') });
  };

  private end(ending: 'done' | { error: unknown }): void {
    this.detach();
    this.answerEnding(ending);
  }

  private detach(): void {
    this.isOver = true;
    const { readable, serve } = this;
    readable.off('readable', serve).off('end', serve).off('close', serve);
  }
}
