/**
 * The newest question's answer.
 */

import { stageOf } from './engine/inlet.ts';
import { Outlet } from './engine/outlet.ts';
import { Pump } from './engine/pump.ts';
import { allCleanups, type Cleanup, type Ending, ignoreCleanup, type Sink, type Stage } from './engine/stage.ts';
import type { Operator, Source } from './stream.ts';

type Answer<I, O> = (input: I, context: { readonly signal: AbortSignal }) => Source<O> | PromiseLike<Source<O>>;

/**
 * The items of `fn(input)` for the newest input. A new input aborts the signal of the one before, closes its stream
 * without waiting for it, and drops what of it has not been read, late items and errors included. Inputs are read as
 * fast as they come, from the first `next()` on. Ends when the inputs and the last stream have ended.
 *
 * @example
 * pipe(queries, latest((query, { signal }) => search(query, signal)), forEach(show));
 */
export function latest<I, O>(fn: Answer<I, O>): Operator<I, O> {
  return (source) => new Outlet(new LatestStage(stageOf(source), fn));
}

class LatestStage<I, O> extends Pump<I, O> {
  private readonly fn: Answer<I, O>;
  private inner: InnerReader<O> | undefined;
  private hasEndedInputs = false;

  constructor(upstream: Stage<I>, fn: Answer<I, O>) {
    super(upstream);
    this.fn = fn;
  }

  protected override wantsMore(): boolean {
    return true;
  }

  protected override take(chunk: I[]): void {
    ignoreCleanup(this.inner?.close());
    this.queue.clear();
    const inner = new InnerReader<O>({
      items: (items) => this.offerAll(items),
      done: () => {
        this.inner = undefined;
        if (this.hasEndedInputs) this.finish('done');
      },
      fail: (error) => {
        this.inner = undefined;
        this.endEarly({ error });
      },
    });
    this.inner = inner;
    inner.start(() => this.fn(chunk[chunk.length - 1] as I, { signal: inner.controller.signal }));
    if (this.isWaited) inner.pull();
  }

  protected override onSourceOver(ending: Ending): void {
    this.hasEndedInputs = true;
    if (ending !== 'done') this.endNow(ending);
    else if (this.inner === undefined) this.finish('done');
  }

  protected override onPull(): void {
    super.onPull();
    if (this.isWaited) this.inner?.pull();
  }

  protected override closeSources(): Cleanup {
    const { inner } = this;
    this.inner = undefined;
    return allCleanups([inner?.close(), super.closeSources()]);
  }
}

/** One input's stream, from the call of the user's function to its end or its replacement. */
class InnerReader<O> implements Sink<O> {
  readonly controller = new AbortController();
  private readonly sink: Sink<O>;
  private stage: Stage<O> | undefined;
  private isClosed = false;
  private isWanted = false;
  private isOpen = false;

  constructor(sink: Sink<O>) {
    this.sink = sink;
  }

  start(call: () => Source<O> | PromiseLike<Source<O>>): void {
    const fail = (error: unknown) => this.fail(error);
    try {
      const source = call();
      if (typeof (source as PromiseLike<Source<O>>).then !== 'function') this.open(source as Source<O>);
      else (source as PromiseLike<Source<O>>).then((late) => this.open(late)).then(undefined, fail);
    } catch (error) {
      fail(error);
    }
  }

  pull(): void {
    this.isWanted = true;
    if (this.stage === undefined || this.isOpen || this.isClosed) return;
    this.isOpen = true;
    this.isWanted = false;
    this.stage.pull(this);
  }

  close(): Cleanup {
    this.isClosed = true;
    this.controller.abort();
    return this.stage?.close();
  }

  items(chunk: O[]): void {
    this.isOpen = false;
    if (!this.isClosed) this.sink.items(chunk);
  }

  done(): void {
    this.isOpen = false;
    if (!this.isClosed) this.sink.done();
  }

  fail(error: unknown): void {
    this.isOpen = false;
    if (!this.isClosed) this.sink.fail(error);
  }

  private open(source: Source<O>): void {
    this.stage = stageOf(source);
    if (this.isClosed) ignoreCleanup(this.stage.close());
    else if (this.isWanted) this.pull();
  }
}
