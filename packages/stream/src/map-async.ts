/**
 * Calls that overlap.
 */

import { stageOf } from './engine/inlet.ts';
import { Outlet } from './engine/outlet.ts';
import { Pump } from './engine/pump.ts';
import { Ring } from './engine/ring.ts';
import type { Ending, Stage } from './engine/stage.ts';
import type { Operator } from './stream.ts';

/** What a call of `mapAsync` is told. */
export interface CallContext {
  /** Aborts when the stream is closed or another call has failed. */
  readonly signal: AbortSignal;
  /** The item's place in the source, from 0. */
  readonly index: number;
}

/** Options of `mapAsync`. */
export interface MapAsyncOptions {
  /** How many items may be in the works: called and not yet read by the reader. */
  concurrency: number;
  /** Whether results come in the order of the items. Default true; else in the order in which they are ready. */
  ordered?: boolean;
}

type Call<I, O> = (item: I, context: CallContext) => O | PromiseLike<O>;

/** The place of one item in the order, from the call to its delivery. */
interface Slot<O> {
  outcome: { value: O } | { error: unknown } | undefined;
}

/**
 * What `fn` resolves to for each item, with several calls under way. Never more than `concurrency` items are between
 * the source and the reader. The first error (in order, or in time if unordered) follows the results before it; the
 * source is closed and the other calls' signal aborts. Errors after that one are dropped.
 *
 * @example
 * pipe(urls, mapAsync((url, { signal }) => fetch(url, { signal }), { concurrency: 4 }));
 */
export function mapAsync<I, O>(fn: Call<I, O>, options: MapAsyncOptions): Operator<I, O> {
  return (source) => new Outlet(new MapAsyncStage(stageOf(source), fn, options));
}

class MapAsyncStage<I, O> extends Pump<I, O> {
  private readonly fn: Call<I, O>;
  private readonly concurrency: number;
  private readonly isOrdered: boolean;
  private readonly slots: Ring<Slot<O>> = new Ring(); // ordered: of all items in the works
  private readonly controller = new AbortController();
  private waiting: I[] = []; // came in one chunk with others, and have to wait for room
  private running = 0;
  private index = 0;
  private hasFailed = false;
  private sourceEnding: Ending | undefined;

  constructor(upstream: Stage<I>, fn: Call<I, O>, { concurrency, ordered = true }: MapAsyncOptions) {
    super(upstream, concurrency);
    this.fn = fn;
    this.concurrency = Math.max(1, concurrency);
    this.isOrdered = ordered;
  }

  protected override wantsMore(): boolean {
    return this.waiting.length === 0 && this.hasRoom();
  }

  protected override take(chunk: I[]): void {
    this.waiting = this.waiting.concat(chunk);
    this.start();
  }

  protected override onPull(): void {
    this.start();
    super.onPull();
  }

  protected override onSourceOver(ending: Ending): void {
    this.sourceEnding = ending;
    this.endIfIdle();
  }

  protected override onOver(): void {
    this.waiting = [];
    this.slots.clear();
    if (this.running > 0) this.controller.abort();
  }

  private hasRoom(): boolean {
    return (this.isOrdered ? this.slots.size : this.running) + this.held < this.concurrency;
  }

  private start(): void {
    while (this.waiting.length > 0 && !this.isEnded && this.hasRoom()) this.call(this.waiting.shift() as I);
  }

  private call(item: I): void {
    const slot: Slot<O> = { outcome: undefined };
    if (this.isOrdered) this.slots.push(slot);
    this.running++;
    const settle = (outcome: { value: O } | { error: unknown }) => {
      this.running--;
      if (this.isEnded || this.hasFailed) return;
      slot.outcome = outcome;
      if (this.isOrdered) this.letOut();
      else this.deliver(outcome);
      if (this.hasFailed) return;
      this.endIfIdle();
      this.start();
      this.read();
    };
    let result: O | PromiseLike<O>;
    try {
      result = this.fn(item, { signal: this.controller.signal, index: this.index++ });
    } catch (error) {
      result = Promise.reject(error);
    }
    Promise.resolve(result).then(
      (value) => settle({ value }),
      (error) => settle({ error }),
    );
  }

  private letOut(): void {
    while (this.slots.size > 0 && this.slots.at(0).outcome !== undefined) {
      this.deliver(this.slots.shift().outcome as { value: O } | { error: unknown });
    }
  }

  private deliver(outcome: { value: O } | { error: unknown }): void {
    if ('value' in outcome) this.offer(outcome.value);
    else {
      this.hasFailed = true;
      this.onOver();
      this.endEarly(outcome);
    }
  }

  private endIfIdle(): void {
    if (this.sourceEnding === undefined || this.running > 0 || this.waiting.length > 0) return;
    this.finish(this.sourceEnding);
  }
}
