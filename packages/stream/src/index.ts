export { abortable } from './abortable.ts';
export { type AdaptiveBatch, type AdaptiveBatchOptions, adaptiveBatch } from './adaptive-batch.ts';
export { type BatchOptions, batch } from './batch.ts';
export {
  type Broadcast,
  type BroadcastOptions,
  broadcast,
  type SlowReader,
  type SubscribeOptions,
} from './broadcast.ts';
export { type BufferOptions, buffer } from './buffer.ts';
export { type Clock, systemClock } from './clock.ts';
export { type CoalesceOptions, coalesce } from './coalesce.ts';
export { collect } from './collect.ts';
export { concat } from './concat.ts';
export { drop } from './drop.ts';
export { CHUNKS, type ChunkSource } from './engine/stage.ts';
export { filter } from './filter.ts';
export { flatMap } from './flat-map.ts';
export { forEach } from './for-each.ts';
export { type EventEmitterLike, type EventTargetLike, type FromEventsOptions, fromEvents } from './from-events.ts';
export { type HeartbeatOptions, heartbeat } from './heartbeat.ts';
export { type Interruptible, interruptible } from './interruptible.ts';
export { LaggedError } from './lagged-error.ts';
export { latest } from './latest.ts';
export { map } from './map.ts';
export { type CallContext, type MapAsyncOptions, mapAsync } from './map-async.ts';
export { merge } from './merge.ts';
export { type Overflow, OverflowError } from './overflow.ts';
export { pipe } from './pipe.ts';
export { type Pushable, type PushableOptions, pushable } from './pushable.ts';
export { race } from './race.ts';
export { type RateLimitOptions, rateLimit } from './rate-limit.ts';
export { type ReplayThenTailOptions, replayThenTail } from './replay-then-tail.ts';
export { type Attempt, type RetryOptions, retry } from './retry.ts';
export { scan } from './scan.ts';
export { type SmoothOptions, smooth } from './smooth.ts';
export { type Stall, type StallWatchdogOptions, stallWatchdog } from './stall-watchdog.ts';
export { from, type Operator, type Source, type Stream } from './stream.ts';
export { take } from './take.ts';
export { takeWhile } from './take-while.ts';
export { tap } from './tap.ts';
export { type TeeOptions, tee } from './tee.ts';
export { type ThrottleOptions, throttle } from './throttle.ts';
export { TimeoutError, type TimeoutOptions, type TimeoutPhase, timeout } from './timeout.ts';
export { fromReadableStream, toReadableStream } from './web-stream.ts';
