/**
 * Calls that overlap.
 */

import { Fifo } from './engine/fifo.ts';
import { operator } from './engine/outlet.ts';
import { type Pump, pump } from './engine/pump.ts';
import type { Failure } from './engine/stage.ts';
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
interface Slot {
  deliver?(): void;
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
  const { concurrency, ordered = true } = options;
  return operator((upstream) => {
    const slots = new Fifo<Slot>(); // ordered: of all items in the works
    const controller = new AbortController();
    let waiting: I[] = []; // came in one chunk with others, and have to wait for room
    let running = 0;
    let index = 0;
    let hasFailed = false;
    let sourceEnding: { failure: Failure | undefined } | undefined;

    const hasRoom = (): boolean => (ordered ? slots.length : running) + out.held() < Math.max(1, concurrency || 1);

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
        slot.deliver = deliver;
        if (!ordered) deliver();
        else while (slots.length > 0 && slots.at(0).deliver) slots.shift().deliver?.();
        if (hasFailed) return;
        endIfIdle();
        out.run();
      };
      const context = { signal: controller.signal, index: index++ };
      const result = (async () => await fn(item, context))(); // what it throws is a rejection, too
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
