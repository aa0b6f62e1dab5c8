/**
 * Verbs 2 and 3 of the path of a token, on many machines: a log in Redis Streams. The machine that runs a run serves its
 * own readers from memory, ahead of Redis by what is under way; all others follow the stream.
 */
import {
  ChatKitError,
  compareOffsets,
  type LogEntry,
  parseOffset,
  type StreamLog,
  type ThreadStreamEvent,
} from '@chatkit/core';
import { createTailReader, type TailSource } from '../shared/tail-reader.ts';
import type { EntryWindow } from './entry-window.ts';
import { decodeBatch } from './log-batch.ts';
import { closedRun, expiredRun, unknownRun, unreachable } from './log-errors.ts';
import { createLogFollower, type Followed } from './log-follower.ts';
import { appendScript, createScript, deleteScript, pageScript } from './log-scripts.ts';
import { createLogWriter, holds, type Outbox } from './log-writer.ts';
import { createRedisPort, type RedisClient } from './redis-client.ts';
import { createRedisScript } from './redis-script.ts';

export interface RedisLogOptions {
  /** A connected client of `redis` or `ioredis`. The log makes one more connection from it when a reader follows. */
  client: RedisClient;
  /** What every key begins with, in braces, so that all of them are in one hash slot. Default `chatkit`. */
  prefix?: string | undefined;
  /** Whether an event is to be sent at once instead of waiting for others. Default: all but `thread.item.updated`. */
  flushes?: ((event: ThreadStreamEvent) => boolean) | undefined;
  /** How long an event waits for others at most. Default 25 ms. Readers in this process never wait. */
  flushMs?: number | undefined;
  /** How many events are sent without waiting. Default 16. */
  flushEvents?: number | undefined;
  /** How many bytes are sent without waiting. Default 8 KiB. */
  flushBytes?: number | undefined;
  /** How many runs share one command. Default 32. A command blocks Redis for about 10 µs per run. */
  maxRunsPerCommand?: number | undefined;
  /**
   * How far Redis may be behind before `append` returns a promise, in bytes, and twice how far the slowest reader of this
   * process that has caught up once may be. Default 256 KiB. Also what a run keeps in this process.
   */
  windowBytes?: number | undefined;
  /** What Redis keeps of a run, in bytes of JSON. Past it the oldest batches go. Default 8 MiB. */
  maxBytesPerRun?: number | undefined;
  /** When Redis forgets a run that nobody ends, after its last events. Default 1 hour, renewed while there are events. */
  openTtlMs?: number | undefined;
  /** When Redis forgets a run that has ended. Default 10 minutes. */
  endedTtlMs?: number | undefined;
  /** How often a reader without entries looks whether its run is still there. Default 1 s. */
  checkMs?: number | undefined;
  /** How long Redis may not answer before runs and readers fail. Default 30 s. */
  unreachableMs?: number | undefined;
}

/** A log in Redis. */
export interface RedisLog extends StreamLog {
  /** Ends the connection of its own and all readers. Call it when every run has settled; your client stays open. */
  close(): Promise<void>;
}

/** A run as far as this process has to do with it. */
interface Run {
  readonly id: string;
  /** What this process appends. */
  outbox: Outbox | undefined;
  /** Whether readers here read the outbox: the run was made here and nobody has taken it over. */
  isLocal: boolean;
  followed: Followed | undefined;
  readonly tails: Set<Tail>;
  /** When Redis was last heard of it, by `performance.now()`. */
  heardAt: number;
  /** Whether the last look found that its lease has ended and its log has not. */
  isOrphan: boolean;
  /** Why readers cannot go on. */
  failure: ChatKitError | undefined;
  room: { readonly promise: Promise<void>; resolve(): void; reject(error: unknown): void } | undefined;
}

/** A reader: the window that it reads and its place there. */
interface Tail {
  window: EntryWindow | undefined;
  index: number;
  wake(): void;
}

/** How many batches of a run's past are fetched at once. */
const pageBatches = 200;
const tombstoneMs = 30_000;

/**
 * A log that many processes share. `append` hands an event to the readers of this process at once and to Redis in batches,
 * without waiting; the promise that it returns now and then is the backpressure, and the one of the terminal entry resolves
 * when Redis has it. A process that dies takes with it what was under way: at most what `flushMs` and one round trip hold.
 *
 * When Redis comes back without its data, readers get `log.expired` and so does the next append. When it does not come
 * back, both fail after `unreachableMs` with a retryable error. Nobody waits for ever and no rejection is left unhandled.
 *
 * @example
 * const client = await createClient({ url: process.env.REDIS_URL }).on('error', console.error).connect();
 * const log = createRedisLog({ client });
 * const lease = createRedisLease({ client });
 * const server = createChatKitServer({ store, respond, log, lease });
 */
export const createRedisLog = (options: RedisLogOptions): RedisLog => {
  const maxBytesPerRun = options.maxBytesPerRun ?? 8 * 1024 * 1024;
  const windowBytes = Math.min(options.windowBytes ?? 256 * 1024, maxBytesPerRun);
  const openTtlMs = options.openTtlMs ?? 3_600_000;
  const checkMs = options.checkMs ?? 1_000;
  const unreachableMs = options.unreachableMs ?? 30_000;
  const flushes = options.flushes ?? ((event) => event.type !== 'thread.item.updated');
  const base = `{${options.prefix ?? 'chatkit'}}`;
  const port = createRedisPort(options.client);
  const scripts = {
    create: createRedisScript(port, createScript),
    append: createRedisScript(port, appendScript),
    page: createRedisScript(port, pageScript),
    delete: createRedisScript(port, deleteScript),
  };
  const keysOf = (runId: string) => [`${base}:log:${runId}`, `${base}:log:${runId}:s`] as const;
  const runs = new Map<string, Run>();
  let sweeper: ReturnType<typeof setInterval> | undefined;

  const writer = createLogWriter({
    append: scripts.append,
    keysOf,
    flushMs: options.flushMs ?? 25,
    flushEvents: options.flushEvents ?? 16,
    flushBytes: options.flushBytes ?? 8 * 1024,
    maxRunsPerCommand: options.maxRunsPerCommand ?? 32,
    maxBytesPerRun,
    openTtlMs,
    endedTtlMs: options.endedTtlMs ?? 600_000,
    unreachableMs,
    onAcked(outbox) {
      const run = runs.get(outbox.runId);
      if (run?.outbox !== outbox) return;
      run.heardAt = performance.now();
      outbox.window.trim(windowBytes, outbox.acked);
      settleRoom(run);
      forgetIfIdle(run);
    },
    onFailed(outbox, why) {
      const run = runs.get(outbox.runId);
      if (run?.outbox !== outbox) return;
      run.room?.reject(outbox.failure);
      run.room = undefined;
      // What readers here have is no longer what the log has. After a takeover they go on with what Redis says.
      const wasLocal = run.isLocal;
      run.isLocal = false;
      if (wasLocal && why === 'gone') failReaders(run, expiredRun(run.id));
      else if (wasLocal && why === 'unreachable') failReaders(run, outbox.failure as ChatKitError);
      else wakeAll(run);
      forgetIfIdle(run);
    },
  });
  const follower = createLogFollower({
    port,
    streamOf: (runId) => keysOf(runId)[1],
    wakeKey: `${base}:wake:${crypto.randomUUID()}`,
    blockMs: 5_000,
    onEntries(followed) {
      const run = runs.get(followed.runId);
      if (run?.followed !== followed) return;
      run.heardAt = performance.now();
      wakeAll(run);
      followed.window.trim(windowBytes, Number.POSITIVE_INFINITY);
    },
    onDeleted(followed) {
      const run = runs.get(followed.runId);
      if (run?.followed === followed) failReaders(run, expiredRun(run.id));
    },
  });

  const runOf = (runId: string): Run => {
    let run = runs.get(runId);
    if (run === undefined) {
      run = {
        id: runId,
        outbox: undefined,
        isLocal: false,
        followed: undefined,
        tails: new Set(),
        heardAt: performance.now(),
        isOrphan: false,
        failure: undefined,
        room: undefined,
      };
      runs.set(runId, run);
    }
    return run;
  };
  const forgetIfIdle = (run: Run): void => {
    if (run.tails.size > 0 || runs.get(run.id) !== run) return;
    if (run.followed !== undefined) follower.unfollow(run.followed);
    run.followed = undefined;
    const { outbox } = run;
    if (outbox !== undefined) {
      const isQueued = outbox.acked < outbox.window.end() && outbox.failure === undefined;
      if (isQueued || (run.isLocal && !outbox.window.isEnded())) return;
    }
    runs.delete(run.id);
  };
  const failReaders = (run: Run, error: ChatKitError): void => {
    run.failure = error;
    wakeAll(run);
  };

  /** How far the slowest reader is behind that reads the outbox. */
  const widestLag = (run: Run, window: EntryWindow): number => {
    let slowest = window.end();
    for (const tail of run.tails) if (tail.window === window && tail.index < slowest) slowest = tail.index;
    return window.bytesFrom(slowest);
  };
  const isAbove = (run: Run, part: number): boolean => {
    const { outbox } = run;
    if (outbox === undefined || outbox.window.isEnded()) return false;
    const { window, acked } = outbox;
    return window.bytesFrom(acked) > windowBytes * part || widestLag(run, window) > (windowBytes * part) / 2;
  };
  const settleRoom = (run: Run): void => {
    if (run.room === undefined || isAbove(run, 0.5)) return;
    run.room.resolve();
    run.room = undefined;
  };

  /** While somebody waits for Redis, someone has to notice that it does not answer or has forgotten. */
  const watch = (): void => {
    sweeper ??= setInterval(sweep, Math.max(50, Math.min(1_000, checkMs, unreachableMs / 4)));
    (sweeper as { unref?: () => void }).unref?.();
  };
  const sweep = (): void => {
    const now = performance.now();
    writer.sweep(now);
    let watched = 0;
    for (const run of runs.values()) {
      const window = windowOf(run);
      if (run.tails.size === 0 || window === undefined || window.isEnded() || run.failure !== undefined) continue;
      watched += 1;
      // What is under way is the writer's to watch.
      if (now - run.heardAt < checkMs || (run.isLocal && run.outbox?.acked !== window.end())) continue;
      run.heardAt = now;
      void check(run, window);
    }
    if (watched > 0 || !writer.isIdle()) return;
    clearInterval(sweeper);
    sweeper = undefined;
  };
  /**
   * Whether a run that has been silent is still there, and still ours where it was: an owner that lost its lease appends
   * nothing more, so no refusal tells it who has the run.
   */
  const check = async (run: Run, window: EntryWindow): Promise<void> => {
    const last = run.isLocal ? window.last() : (run.followed?.cursor ?? '');
    const isCurrent = () => windowOf(run) === window && !window.isEnded();
    try {
      const answer = await page(run.id, last === '' ? undefined : last, 1);
      if (!isCurrent()) return;
      if (typeof answer !== 'object') {
        failReaders(run, expiredRun(run.id));
        return;
      }
      if (run.isLocal && answer.entries.length > 0 && window.last() === last) {
        run.isLocal = false;
        wakeAll(run);
        return;
      }
      // The lease says that it has ended and the log does not, twice: the end will not come any more.
      const isOrphan = answer.leaseOutcome !== '' && answer.outcome === '';
      if (isOrphan && run.isOrphan) failReaders(run, expiredRun(run.id));
      run.isOrphan = isOrphan;
    } catch (error) {
      if (isCurrent()) failReaders(run, unreachable(run.id, error));
    }
  };

  /** What a run has after `after`, oldest first. Asks again until Redis answers, for as long as the log waits. */
  const page = async (
    runId: string,
    after: string | undefined,
    count: number,
  ): Promise<Page | 'unknown' | 'expired'> => {
    const [hash, stream] = keysOf(runId);
    const giveUpAt = performance.now() + unreachableMs;
    for (let retryMs = 20; ; retryMs = Math.min(retryMs * 2, 1_000)) {
      try {
        const reply = await beforeTime(
          scripts.page([hash, stream, `${base}:run:${runId}`], [after ?? '', `${count}`]),
          giveUpAt,
        );
        if (reply === null || reply === undefined) return 'unknown';
        const [tail, outcome, batches, leaseOutcome] = reply as [string, string, unknown[], string];
        if (tail === 'expired') return 'expired';
        const entries = batches.flatMap((raw) => decodeBatch(raw)?.entries ?? []);
        return { tail, outcome, leaseOutcome, entries, isWhole: batches.length < count };
      } catch (error) {
        if (performance.now() + retryMs >= giveUpAt) throw error;
        await new Promise((done) => setTimeout(done, retryMs));
      }
    }
  };

  const outboxFor = (run: Run, first: LogEntry | undefined): Outbox => {
    const { outbox } = run;
    if (outbox !== undefined) {
      const last = parseOffset(outbox.window.last());
      const next = parseOffset(first?.offset ?? '');
      if (last === undefined || next === undefined || next.epoch <= last.epoch) return outbox;
      // Another epoch: others may have written since, so readers here read what Redis says from now on.
      if (outbox.failure === undefined) {
        run.isLocal = false;
        return outbox;
      }
    }
    run.outbox = writer.open(run.id, '');
    run.isLocal = false;
    return run.outbox;
  };

  return {
    async create(runId) {
      if (runs.get(runId)?.isLocal) return;
      const isNew = await scripts.create([...keysOf(runId)], [`${openTtlMs}`]);
      const run = runOf(runId);
      if (Number(isNew) !== 1 || run.outbox !== undefined) {
        forgetIfIdle(run);
        return;
      }
      run.outbox = writer.open(runId, '');
      run.isLocal = true;
    },

    append(runId, entries) {
      if (entries.length === 0) return undefined;
      const run = runOf(runId);
      const outbox = outboxFor(run, entries[0]);
      if (outbox.failure !== undefined) throw outbox.failure;
      for (const entry of entries) {
        if (run.isLocal && holds(outbox, entry.offset)) continue;
        if (run.isLocal && outbox.window.isEnded()) throw closedRun(runId);
        if (parseOffset(entry.offset) === undefined) throw unknownOffset(entry.offset);
        const isFirst = outbox.window.last() === '';
        const [text, now] =
          'end' in entry ? ['', true] : [JSON.stringify(entry.event), isFirst || flushes(entry.event)];
        writer.push(outbox, entry, text, now);
      }
      watch();
      outbox.window.trim(windowBytes, outbox.acked);
      wakeAll(run);
      if (!run.isLocal || (outbox.window.isEnded() && outbox.acked < outbox.window.end())) {
        const confirmed = writer.confirmed(outbox);
        confirmed.catch(() => {});
        return confirmed;
      }
      if (!isAbove(run, 1)) {
        settleRoom(run);
        return undefined;
      }
      run.room ??= createRoom();
      return run.room.promise;
    },

    read(runId, { after, signal } = {}) {
      let run: Run;
      let position = after;
      /** What was fetched of the run's past and not given yet. */
      let past: readonly LogEntry[] = [];
      let given = 0;
      let isKnown = false;
      let isOver = false;
      let isFetching = false;
      let failure: unknown;

      const fetch = async (): Promise<void> => {
        if (isFetching) return;
        isFetching = true;
        try {
          const answer = await page(runId, position, pageBatches);
          if (answer === 'unknown') failure = isKnown ? expiredRun(runId) : unknownRun(runId);
          else if (answer === 'expired') failure = expiredRun(runId);
          else {
            isKnown = true;
            past = answer.entries;
            given = 0;
            isOver = answer.isWhole && answer.outcome !== '';
            if (answer.isWhole && !isOver && run.tails.has(tail) && !run.isLocal && run.followed === undefined) {
              run.followed = follower.follow(runId, answer.tail);
              run.heardAt = performance.now();
            }
          }
        } catch (error) {
          failure = unreachable(runId, error);
        }
        isFetching = false;
        reader.wake();
      };
      const isNew = (entry: LogEntry): boolean => position === undefined || compareOffsets(entry.offset, position) > 0;
      const give = (entry: LogEntry): { value: LogEntry } => {
        position = entry.offset;
        if ('end' in entry) isOver = true;
        return { value: entry };
      };
      const source: TailSource<LogEntry> = {
        attach() {
          if (after !== undefined && parseOffset(after) === undefined) throw unknownOffset(after);
          run = runOf(runId);
          isKnown = run.isLocal;
          run.tails.add(tail);
          watch();
        },
        poll() {
          for (;;) {
            if (isFetching) return 'wait';
            const error = failure ?? run.failure;
            if (error !== undefined) throw error;
            const fetched = past[given];
            if (fetched !== undefined) {
              given += 1;
              if (isNew(fetched)) return give(fetched);
              continue;
            }
            if (isOver) return 'end';
            const window = windowOf(run);
            if (window !== tail.window) tail.index = -1;
            tail.window = window;
            if (window === undefined || (tail.index < window.start() && !window.covers(position))) {
              void fetch();
              return 'wait';
            }
            if (tail.index < window.start()) tail.index = window.indexAfter(position);
            const slot = window.at(tail.index);
            if (slot === undefined) return window.isEnded() ? 'end' : 'wait';
            tail.index += 1;
            settleRoom(run);
            if (isNew(slot.entry)) return give(slot.entry);
          }
        },
        detach() {
          run.tails.delete(tail);
          settleRoom(run);
          forgetIfIdle(run);
        },
      };
      const tail: Tail = { window: undefined, index: -1, wake: () => reader.wake() };
      const reader = createTailReader(source, signal);
      return reader.iterator;
    },

    async delete(runId) {
      const run = runs.get(runId);
      if (run !== undefined) {
        runs.delete(runId);
        if (run.outbox !== undefined) {
          run.outbox.failure = expiredRun(runId);
          writer.drop(run.outbox);
        }
        if (run.followed !== undefined) follower.unfollow(run.followed);
        failReaders(run, expiredRun(runId));
        run.room?.resolve();
      }
      await scripts.delete([...keysOf(runId)], [`${tombstoneMs}`]);
    },

    async close() {
      follower.close();
      clearInterval(sweeper);
      for (const run of [...runs.values()]) failReaders(run, closing());
    },
  };
};

/** A part of a run's past. */
interface Page {
  readonly tail: string;
  readonly outcome: string;
  readonly leaseOutcome: string;
  readonly entries: readonly LogEntry[];
  /** Whether nothing comes after it. */
  readonly isWhole: boolean;
}

const unknownOffset = (offset: string): ChatKitError =>
  new ChatKitError('log.offset_unknown', `${JSON.stringify(offset)} is not an offset.`, { details: { offset } });

const closing = (): ChatKitError => new ChatKitError('server.closing', 'The log was closed.', { retryable: true });

/** What readers of a run read in this process. */
const windowOf = (run: Run): EntryWindow | undefined => (run.isLocal ? run.outbox?.window : run.followed?.window);

const wakeAll = (run: Run): void => {
  for (const tail of [...run.tails]) tail.wake();
};

const createRoom = (): NonNullable<Run['room']> => {
  let resolve!: () => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<void>((done, failed) => {
    resolve = done;
    reject = failed;
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
};

/** Waits for `work` until a time by `performance.now()`. */
const beforeTime = <T>(work: Promise<T>, at: number): Promise<T> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('Redis does not answer.')), Math.max(0, at - performance.now()));
    (timer as { unref?: () => void }).unref?.();
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
