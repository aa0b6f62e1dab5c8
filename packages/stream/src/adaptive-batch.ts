/**
 * `adaptiveBatch`: batches whose size follows the reader's pace. There is no window to tune. While the reader is busy
 * with one batch the next one fills, so the effective window is the time the reader takes, and zero when it is idle. A
 * fixed 16 ms window adds 16 ms at every pace; docs/guides/streams/batching.md compares the two.
 */

import { type Clock, systemClock } from './clock.ts';
import { atLeast } from './engine/at-least.ts';
import { byteSize } from './engine/byte-size.ts';
import { deadline } from './engine/deadline.ts';
import { IDLE, SERVING, WAITING } from './engine/edge-state.ts';
import { operator } from './engine/outlet.ts';
import { type Pump, pump } from './engine/pump.ts';
import type { Stage } from './engine/stage.ts';
import type { Source, Stream } from './stream.ts';

/** Options of `adaptiveBatch`. */
export interface AdaptiveBatchOptions<T> {
  /** How many batches may be in flight at once. Default 1. */
  credit?: number | undefined;
  /**
   * How many batches (or other units of credit) the transport still has in flight. For transports whose writes return
   * before the data has left: `() => (socket.bufferedAmount > 0 ? 1 : 0)`. Called when an item arrives, when the reader
   * asks for more, and every `pollMs` while items are held.
   */
  pressure?: (() => number) | undefined;
  /** How often `pressure` is polled while items are held. Default 4. */
  pollMs?: number | undefined;
  /** Each batch counts as in flight until `ack()` is called; for peers that acknowledge. Default false. */
  acks?: boolean | undefined;
  /** The longest that a lack of credit may hold the next batch back while the reader is asking for more. Default 250. */
  maxDelayMs?: number | undefined;
  /** The most items in a batch, and held in memory; at least 1. Default 1024. */
  maxItems?: number | undefined;
  /** The most bytes in a batch, and held in memory; a single larger item still passes. Default: no limit. */
  maxBytes?: number | undefined;
  /** The size of an item. Default: the bytes of a buffer, or of a string in UTF-8. */
  sizeOf?: ((item: T) => number) | undefined;
  /** Default: the runtime's clock. */
  clock?: Clock | undefined;
}

/** The operator, with a method for acknowledgements, which count towards the most recently created stream. */
export interface AdaptiveBatch<T> {
  (source: Source<T>): Stream<T[]>;
  /** Reports that the peer has acknowledged `batches` more. Default 1. */
  ack(batches?: number): void;
}

/**
 * Hands the reader, in one batch, every item that arrived since it last asked. A reader that keeps up gets each item at
 * once, alone; a burst that arrives in one turn leaves as one batch. By default the reader's next `next()` is taken to
 * mean that it is free again, which is right wherever writes are awaited; `pressure` and `acks` are for transports
 * where they are not. While `maxItems` or `maxBytes` are held, the source is not read. Held items are delivered before
 * the end or an error.
 *
 * @example
 * pipe(deltas, adaptiveBatch(), forEach((deltas) => writeFrame(response, deltas))); // writeFrame waits for the drain
 */
export function adaptiveBatch<T>(options: AdaptiveBatchOptions<T> = {}): AdaptiveBatch<T> {
  const {
    credit = 1,
    pressure,
    pollMs = 4,
    acks,
    maxDelayMs = 250,
    maxBytes = Number.POSITIVE_INFINITY,
    sizeOf = byteSize,
    clock = systemClock,
  } = options;
  const maxItems = atLeast(1, options.maxItems ?? 1024);
  let ack = (_batches: number): void => {};

  const adaptive = operator((upstream: Stage<T>) => {
    let collected: T[] = [];
    const sizes: number[] = []; // of the collected items; all 0 without `maxBytes`
    let bytes = 0;
    let unacknowledged = 0;
    let heldSince = 0;
    let state: number = IDLE; // WAITING: until the end of this turn's burst; SERVING: the next batch is due

    const isOutOfCredit = (): boolean => unacknowledged >= credit || (pressure?.() as number) >= credit;

    const nextBatch = (): T[] => {
      let count = 0;
      let size = 0;
      do size += sizes[count++] as number;
      while (count < maxItems && size + (sizes[count] as number) <= maxBytes); // past the last one the sum is `NaN`
      const batch = collected;
      collected = batch.splice(count);
      sizes.splice(0, count);
      bytes -= size;
      heldSince = clock.now();
      return batch;
    };

    const letOut = (): void => {
      if (isOutOfCredit()) {
        const now = clock.now();
        const lastCall = heldSince + maxDelayMs;
        if (now < lastCall) return due.set(pressure && now + pollMs < lastCall ? now + pollMs : lastCall);
      }
      due.lift();
      if (acks) unacknowledged++;
      out.offer(nextBatch());
    };
    const beDue = (): void => {
      state = SERVING;
      out.run();
    };
    const due = deadline(clock, beDue);

    const out: Pump<T[]> = pump<T, T[]>(upstream, {
      wantsMore: () => collected.length < (bytes < maxBytes ? maxItems : 1),
      take(item) {
        const size = maxBytes < Number.POSITIVE_INFINITY ? sizeOf(item) : 0;
        if (collected.push(item) === 1) heldSince = clock.now();
        sizes.push(size);
        bytes += size;
      },
      onSourceOver() {
        while (collected.length > 0) out.offer(nextBatch());
      },
      onTurn() {
        if (!out.isWaited() || collected.length === 0) return;
        if (state === SERVING) {
          state = IDLE;
          letOut();
        } else if (state === IDLE) {
          state = WAITING;
          queueMicrotask(beDue);
        }
      },
      onOver: due.clear,
    });
    ack = (batches) => {
      unacknowledged = Math.max(0, unacknowledged - batches);
      out.run();
    };
    return out;
  });
  return Object.assign(adaptive, { ack: (batches = 1) => ack(batches) });
}
