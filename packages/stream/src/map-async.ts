/**
 * `mapAsync`: an async `map` with several calls running at once.
 */

import { atLeast } from './engine/at-least.ts';
import { Fifo } from './engine/fifo.ts';
import { operator } from './engine/outlet.ts';
import { type Pump, pump } from './engine/pump.ts';
import type { Ending } from './engine/stage.ts';
import type { Operator } from './stream.ts';

/** What `mapAsync` passes to each call. */
export interface CallContext {
  /** Aborts when the stream is closed or another call has failed. */
  readonly signal: AbortSignal;
  /** The item's position in the source, from 0. */
  readonly index: number;
}

/** Options of `mapAsync`. */
export interface MapAsyncOptions {
  /** How many items may be in flight, at least 1: their call has begun and the reader has not read the result yet. */
  concurrency: number;
  /**
   * Whether results keep the order of the items. Default true; with false they come in the order in which they are
   * ready.
   */
  ordered?: boolean | undefined;
}

type Call<I, O> = (item: I, context: CallContext) => O | PromiseLike<O>;

/** One item's place in the order, from the call to the delivery of its result. */
interface Slot {
  _deliver?(): void;
}

/**
 * What `fn` resolves to for each item, with several calls running at once. Never more than `concurrency` items are
 * between the source and the reader. The first error (in item order, or in time if unordered) comes after the results
 * before it; the source is closed and the signal of the other calls aborts. Later errors are dropped.
 *
 * @example
 * pipe(urls, mapAsync((url: string, { signal }) => fetch(url, { signal }), { concurrency: 4 }));
 */
export function mapAsync<I, O>(fn: Call<I, O>, options: MapAsyncOptions): Operator<I, O> {
  const { ordered = true } = options;
  const concurrency = atLeast(1, options.concurrency);
  return operator((upstream) => {
    const slots = new Fifo<Slot>(); // if ordered: one for each item in flight
    const controller = new AbortController();
    let waiting: I[] = []; // items of a chunk that was larger than the room left
    let running = 0;
    let index = 0;
    let hasFailed = false;
    let sourceEnding: Ending | undefined;

    const hasRoom = (): boolean => (ordered ? slots.length : running) + out.held() < concurrency;

    const start = (): void => {
      while (waiting.length > 0 && !out.isEnded() && hasRoom()) call(waiting.shift() as I);
    };

    const call = (item: I): void => {
      const slot: Slot = {};
      if (ordered) slots.push(slot);
      running++;
      const settle = (deliver: () => void): void => {
        running--;
        if (out.isEnded() || hasFailed) return;
        slot._deliver = deliver;
        if (!ordered) slots.push(slot);
        while (slots.length > 0 && slots.at(0)._deliver) slots.shift()._deliver?.();
        if (hasFailed) return;
        endIfIdle();
        out.run();
      };
      const context = { signal: controller.signal, index: index++ };
      const result = (async () => await fn(item, context))(); // so that a synchronous throw becomes a rejection
      result.then(
        (value) => settle(() => out.offer(value)),
        (error) => settle(() => fail(error)),
      );
    };

    const fail = (error: unknown): void => {
      hasFailed = true;
      onOver();
      out.endEarly({ error });
    };

    const endIfIdle = (): void => {
      if (sourceEnding && running === 0 && waiting.length === 0) out.finish(sourceEnding.failure);
    };

    const onOver = (): void => {
      waiting = [];
      slots.clear();
      if (running > 0) controller.abort();
    };

    const out: Pump<O> = pump<I, O>(upstream, {
      capacity: concurrency,
      wantsMore: () => waiting.length === 0 && hasRoom(),
      takeAll(chunk) {
        waiting = waiting.concat(chunk);
      },
      onTurn: start,
      onSourceOver(failure) {
        if (hasFailed) return false;
        sourceEnding = { failure };
        endIfIdle();
        return true;
      },
      onOver,
    });
    return out;
  });
}
