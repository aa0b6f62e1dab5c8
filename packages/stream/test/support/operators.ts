/** Every operator that has one source and passes its items through as they are. What is true of one is true of all. */

import {
  abortable,
  adaptiveBatch,
  batch,
  broadcast,
  buffer,
  coalesce,
  concat,
  drop,
  filter,
  flatMap,
  from,
  heartbeat,
  interruptible,
  map,
  mapAsync,
  merge,
  pipe,
  race,
  rateLimit,
  replayThenTail,
  retry,
  type Source,
  type Stream,
  scan,
  stallWatchdog,
  take,
  takeWhile,
  tap,
  tee,
  timeout,
} from '../../src/index.ts';
import { ProbeSource } from './probe-source.ts';

export type Build = (source: Source<number>) => Stream<unknown>;

export const operators: Record<string, Build> = {
  from: (source) => from(source),
  map: map((item: number) => item),
  'map async': map(async (item: number) => item),
  filter: filter(() => true),
  take: take(1e9),
  merge: (source) => merge(source),
  abortable: abortable(new AbortController().signal),
  interruptible: interruptible(),
  timeout: timeout({ firstMs: 1e6, idleMs: 1e6, totalMs: 1e9 }),
  heartbeat: heartbeat({ everyMs: 1e6, value: -1 }),
  takeWhile: takeWhile(() => true),
  drop: drop(0),
  scan: scan((_result: number, item: number) => item, 0),
  tap: tap(() => {}),
  flatMap: flatMap((item: number) => [item]),
  'flatMap async': flatMap(async (item: number) => from([item])),
  'mapAsync ordered': mapAsync(async (item: number) => item, { concurrency: 3 }),
  'mapAsync unordered': mapAsync((item: number) => item, { concurrency: 3, ordered: false }),
  concat: (source) => concat(source, []),
  race: (source) => race(source),
  'merge of two': (source) => merge(source, new ProbeSource<number>().end()),
  'buffer block': buffer({ capacity: 4 }),
  'buffer drop-oldest': buffer({ capacity: 1e6, overflow: 'drop-oldest', lagged: () => -1 }),
  coalesce: coalesce({ key: () => undefined, merge: (a: number) => a, capacity: 4 }),
  rateLimit: rateLimit({ count: 1e9, perMs: 1 }),
  stallWatchdog: stallWatchdog({ afterMs: 1e6, onStall: () => {} }),
  retry: (source) => retry(() => source, { retries: 0 }),
  tee: (source) => {
    const [left, right] = tee(source);
    right.return();
    return left;
  },
  broadcast: (source) => broadcast(source).subscribe(),
  replayThenTail: (source) => replayThenTail({ replay: [], tail: source, position: (item) => item }),
  'replayThenTail replay': (source) =>
    replayThenTail({ replay: source, tail: new ProbeSource<number>().end(), position: (item) => item }),
  'four in a row': (source) =>
    pipe(
      source,
      map((item) => item + 1),
      filter(() => true),
      tap(async () => {}),
      map((item) => item - 1),
    ),
  'batches ahead, taken apart': (source) =>
    pipe(
      source,
      batch({ maxItems: 2, maxMs: 0 }),
      flatMap((items) => items),
    ),
  'batches as they come, taken apart': (source) =>
    pipe(
      source,
      adaptiveBatch(),
      flatMap((items) => items),
    ),
  'batches, taken apart': (source) =>
    pipe(
      source,
      batch({ maxItems: 1 }),
      flatMap((items) => items),
    ),
};
