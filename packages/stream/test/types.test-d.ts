import { expectTypeOf, test } from 'vitest';
import {
  type AdaptiveBatchOptions,
  adaptiveBatch,
  batch,
  broadcast,
  buffer,
  coalesce,
  collect,
  concat,
  type FromEventsOptions,
  filter,
  flatMap,
  forEach,
  fromEvents,
  heartbeat,
  map,
  mapAsync,
  merge,
  pipe,
  pushable,
  type RetryOptions,
  race,
  rateLimit,
  replayThenTail,
  retry,
  type SmoothOptions,
  type Stream,
  scan,
  smooth,
  stallWatchdog,
  type TimeoutOptions,
  tee,
  throttle,
  timeout,
} from '../src/index.ts';
import { type ToNodeReadableOptions, toNodeReadable } from '../src/node/index.ts';

declare const numbers: AsyncIterable<number>;

test('types flow through a pipe without annotations', () => {
  expectTypeOf(
    pipe(
      numbers,
      map((item) => item.toFixed()),
      filter((text) => text.length > 1),
      batch({ maxItems: 2 }),
      flatMap((texts) => texts),
      mapAsync(async (text, { signal }) => ({ text, signal }), { concurrency: 2 }),
    ),
  ).toEqualTypeOf<Stream<{ text: string; signal: AbortSignal }>>();
  expectTypeOf(pipe(numbers, collect)).toEqualTypeOf<Promise<number[]>>();
  expectTypeOf(
    pipe(
      numbers,
      forEach((item) => expectTypeOf(item).toEqualTypeOf<number>()),
    ),
  ).toEqualTypeOf<Promise<void>>();
  expectTypeOf(
    pipe(
      numbers,
      scan((text: string, item) => text + item, ''),
    ),
  ).toEqualTypeOf<Stream<string>>();
});

test('what would be a mistake at run time is an error', () => {
  // @ts-expect-error without a limit everything is one batch
  pipe(numbers, batch({}));
  const text = ({ toFixed }: number) => toFixed();
  // @ts-expect-error the items would come out as strings
  pipe(numbers, smooth({ text }));
  // @ts-expect-error likewise
  pipe(numbers, smooth({ text, withText: undefined }));
  expectTypeOf(pipe(numbers, smooth({ text, withText: (_, text) => Number(text) }))).toEqualTypeOf<Stream<number>>();
  expectTypeOf(pipe(['a'], smooth())).toEqualTypeOf<Stream<string>>();
  expectTypeOf(pipe(['a'], smooth({ unit: 'grapheme' }))).toEqualTypeOf<Stream<string>>();
});

test('a type guard narrows', () => {
  const isText = (item: string | number): item is string => typeof item === 'string';
  expectTypeOf(pipe([1, 'a'] as (string | number)[], filter(isText))).toEqualTypeOf<Stream<string>>();
});

test('sources of several types merge, heartbeats and gaps widen', () => {
  expectTypeOf(merge<number | string>(numbers, ['a'])).toEqualTypeOf<Stream<number | string>>();
  expectTypeOf(merge(numbers, ['a'])).toEqualTypeOf<Stream<number | string>>();
  expectTypeOf(race(numbers, ['a'])).toEqualTypeOf<Stream<number | string>>();
  expectTypeOf(concat(numbers, ['a'], [{ at: 1 }])).toEqualTypeOf<Stream<number | string | { at: number }>>();
  expectTypeOf(merge(...[numbers, numbers])).toEqualTypeOf<Stream<number>>();
  // @ts-expect-error a number is no source
  merge(numbers, 1);
  expectTypeOf(pipe(numbers, heartbeat({ everyMs: 1, value: null }))).toEqualTypeOf<Stream<number | null>>();
  expectTypeOf(pipe(numbers, buffer({ overflow: 'drop-oldest', lagged: (missed) => ({ missed }) }))).toEqualTypeOf<
    Stream<number | { missed: number }>
  >();
  expectTypeOf(tee(pushable<string>())).toEqualTypeOf<[Stream<string>, Stream<string>]>();
  expectTypeOf(broadcast(numbers).subscribe()).toEqualTypeOf<Stream<number>>();
});

test('a policy that loses items has to say what stands in for them', () => {
  // @ts-expect-error `lagged` is missing
  buffer({ overflow: 'drop-newest' });
  // @ts-expect-error `merge` is missing
  buffer({ overflow: 'coalesce' });
  // @ts-expect-error `lagged` is missing
  broadcast(numbers).subscribe({ slow: 'skip' });
});

test('an option that is undefined is one that is not given', () => {
  type Undefined<O> = { [Name in keyof O]: O[Name] | undefined };
  type Options = AdaptiveBatchOptions<string> &
    Omit<FromEventsOptions<string>, 'overflow'> &
    RetryOptions<string, number> &
    SmoothOptions<string> &
    ToNodeReadableOptions &
    TimeoutOptions<string>;
  const unset = {} as Undefined<Options>;
  adaptiveBatch(unset);
  batch({ ...unset, maxItems: 1 });
  broadcast(['a'], unset).subscribe({ from: unset.capacity, slow: undefined });
  buffer({ capacity: unset.capacity, overflow: undefined });
  coalesce({ ...unset, key: () => 0, merge: (a) => a });
  fromEvents(new EventTarget(), 'message', { ...unset, overflow: undefined });
  heartbeat({ everyMs: 1, value: null, clock: unset.clock });
  mapAsync((text: string) => text, { concurrency: 1, ordered: undefined });
  pushable({ capacity: unset.capacity, overflow: undefined, onDrop: undefined, onClose: undefined });
  rateLimit({ count: 1, perMs: 1, clock: unset.clock });
  replayThenTail({ replay: ['a'], tail: ['b'], position: Number, isAfter: undefined, capacity: undefined });
  retry(() => ['a'], unset);
  smooth({ ...unset, text: undefined, withText: undefined });
  stallWatchdog({ afterMs: 1, onStall: () => {}, onResume: undefined, clock: unset.clock });
  tee(['a'], { capacity: undefined });
  throttle({ everyMs: 1, trailing: undefined, clock: unset.clock });
  timeout(unset);
  toNodeReadable(['a'], unset);
});
