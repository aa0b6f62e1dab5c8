/**
 * Steps 2 and 3 of the path of a token, append and tail, on many machines: a log in Redis Streams. The run's own
 * machine serves its readers from memory, ahead of Redis by what is under way; all other machines follow the stream.
 */
import { type ChatKitError, type LogEntry, parseOffset, type StreamLog, type ThreadStreamEvent } from '@chatkit/core';
import type { Place } from '../shared/entry-list.ts';
import { entrySize } from '../shared/event-size.ts';
import { closedRun, closing, expiredRun, unknownOffset } from '../shared/log-errors.ts';
import { tooLarge } from '../shared/too-large.ts';
import type { EntryWindow } from './entry-window.ts';
import { createLogFollower } from './log-follower.ts';
import { type Haste, Outbox } from './log-outbox.ts';
import { createFetchPage } from './log-pages.ts';
import { type LogReaderOptions, readLog } from './log-reader.ts';
import { createLogRun, failReaders, type LogRun, roomOf, settleRoom, wakeAll } from './log-run.ts';
import { appendScript, createScript, deleteScript, pageScript } from './log-scripts.ts';
import { createLogWatch } from './log-watch.ts';
import { createLogWriter } from './log-writer.ts';
import { createRedisPort, type RedisClient } from './redis-client.ts';
import { createLifeline, overdueMs } from './redis-lifeline.ts';
import { createRedisScript, limitRedisScript } from './redis-script.ts';

export interface RedisLogOptions {
  /**
   * A connected client of `redis` or `ioredis`. The log opens one more connection from it when a reader follows a run
   * of another machine.
   */
  client: RedisClient;
  /** The prefix of every key. It is put in braces, so that all keys are in one hash slot. Default `chatkit`. */
  prefix?: string | undefined;
  /**
   * Whether an event must not wait to be batched: it is sent at once, or within a fifth of `flushMs` if other events
   * are sent then anyway. Default: all but `thread.item.updated`. The first event of a run is always sent at once.
   */
  flushes?: ((event: ThreadStreamEvent) => boolean) | undefined;
  /** How long an event may wait to be batched. Default 25 ms. Readers in this process never wait. */
  flushMs?: number | undefined;
  /** How many waiting events of a run are sent without waiting longer. Default 16. */
  flushEvents?: number | undefined;
  /** How many waiting bytes of a run are sent without waiting longer. Default 8 KiB. */
  flushBytes?: number | undefined;
  /** How many runs share one command. Default 128. A command blocks Redis for 10 to 20 µs per run. */
  maxRunsPerCommand?: number | undefined;
  /**
   * How far Redis may be behind, in bytes, before `append` returns a promise. The furthest reader of this process, once
   * it has caught up, may be half as far behind. Also how much of a run is kept in this process. Default 256 KiB.
   */
  windowBytes?: number | undefined;
  /**
   * How much of a run Redis keeps, in bytes of JSON. Beyond that the oldest batches are dropped. A single event that is
   * larger is refused with `event.too_large`. Default 8 MiB.
   */
  maxBytesPerRun?: number | undefined;
  /** How long after its last events Redis forgets a run that was never ended. Default 1 hour. */
  openTtlMs?: number | undefined;
  /** How long after its end Redis forgets a run. Default 10 minutes. */
  endedTtlMs?: number | undefined;
  /** How often a reader that gets no entries checks that its run still exists. Default 1 s. */
  checkMs?: number | undefined;
  /** How long Redis may fail to answer before runs, readers and calls fail. Default 30 s. */
  unreachableMs?: number | undefined;
}

/** A log in Redis. */
export interface RedisLog extends StreamLog {
  /**
   * Closes the log's own connections and fails all readers, later ones too, with `server.closing`. Call it when every
   * run has settled: what Redis has yet to confirm may take `unreachableMs` to fail. Your client stays open.
   */
  close(): Promise<void>;
}

/** How long the tombstone of a deleted run is kept, for machines that follow the run. */
const tombstoneMs = 30_000;

/**
 * A log that many processes share. `append` hands an event to the readers of this process at once, and to Redis in
 * batches in the background. When it returns a promise, that is the backpressure; the promise of the terminal entry
 * resolves when Redis has that entry. A process that dies loses what was under way: at most the events of `flushMs` and
 * one round trip.
 *
 * When Redis comes back without its data, readers get `log.expired` and so does the next append. When it does not come
 * back, both fail after `unreachableMs` with a retryable error. No call waits for ever and no rejection is left
 * unhandled.
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
  const unreachableMs = options.unreachableMs ?? 30_000;
  const flushes = options.flushes ?? ((event) => event.type !== 'thread.item.updated');
  const base = `{${options.prefix ?? 'chatkit'}}`;
  const port = createRedisPort(options.client);
  const keyOf = (runId: string) => `${base}:log:${runId}`;
  const streamOf = (runId: string) => `${keyOf(runId)}:s`;
  const lateMs = overdueMs(unreachableMs);
  const lifeline = createLifeline(port, { quietMs: lateMs, unreachableMs });
  const limits = { unreachableMs, lateMs, isLost: lifeline.isLost };
  const repeatable = { ...limits, isRepeatable: true };
  const scripts = {
    // Without the client's own timeout, which costs a signal, a timer and an error per run. If this one is late, it
    // leaves an empty run behind.
    create: limitRedisScript(createRedisScript({ command: lifeline.patientCommand }, createScript), repeatable),
    delete: limitRedisScript(createRedisScript(lifeline, deleteScript), repeatable),
  };
  const runs = new Map<string, LogRun>();
  let isClosed = false;

  const writer = createLogWriter({
    append: createRedisScript({ command: lifeline.patientCommand }, appendScript),
    keyPrefix: keyOf(''),
    flushMs: options.flushMs ?? 25,
    flushEvents: options.flushEvents ?? 16,
    flushBytes: options.flushBytes ?? 8 * 1024,
    maxRunsPerCommand: options.maxRunsPerCommand ?? 128,
    maxBytesPerRun,
    openTtlMs,
    endedTtlMs: options.endedTtlMs ?? 600_000,
    ...limits,
    onAcked(outbox, now) {
      const { run } = outbox;
      if (run.outbox !== outbox) return;
      run.heardAt = now;
      outbox.window.trim(windowBytes, outbox.acked);
      settleRoom(run, windowBytes);
      forgetIfIdle(run);
    },
    onFailed(outbox, why) {
      const { run } = outbox;
      if (run.outbox !== outbox) return;
      run.room?.reject(outbox.failure);
      run.room = undefined;
      // What is in memory here is no longer what the log has. After a takeover readers continue with what Redis has.
      const wasLocal = run.isLocal;
      run.isLocal = false;
      if (wasLocal && why === 'gone') failReaders(run, expiredRun(run.id));
      else if (wasLocal && why === 'unreachable' && outbox.failure !== undefined) failReaders(run, outbox.failure);
      else wakeAll(run);
      forgetIfIdle(run);
    },
  });
  const follower = createLogFollower({
    port,
    streamOf,
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
  const fetchPage = createFetchPage({
    script: createRedisScript(lifeline, pageScript),
    keysOf: (runId) => [keyOf(runId), streamOf(runId), `${base}:run:${runId}`],
    ...limits,
  });
  const watch = createLogWatch({ runs, writer, fetchPage, checkMs: options.checkMs ?? 1_000, unreachableMs });

  const runOf = (runId: string): LogRun => {
    let run = runs.get(runId);
    if (run === undefined) {
      run = createLogRun(runId);
      runs.set(runId, run);
    }
    return run;
  };
  const forgetIfIdle = (run: LogRun): void => {
    if (run.tails.length > 0 || runs.get(run.id) !== run) return;
    if (run.followed !== undefined) follower.unfollow(run.followed);
    run.followed = undefined;
    const { outbox } = run;
    if (outbox !== undefined) {
      const isQueued = !outbox.isConfirmed && outbox.failure === undefined;
      if (isQueued || (run.isLocal && !outbox.window.isEnded)) return;
    }
    runs.delete(run.id);
  };

  const openOutbox = (run: LogRun): Outbox => {
    run.outbox = new Outbox(run);
    return run.outbox;
  };
  /** The outbox for an entry of this epoch. */
  const outboxFor = (run: LogRun, epoch: number): Outbox => {
    const { outbox } = run;
    if (outbox !== undefined) {
      const { lastEpoch } = outbox.window;
      if (lastEpoch === 0 || lastEpoch >= epoch) return outbox;
      // A new epoch: others may have written in between, so readers here read from Redis from now on.
      if (outbox.failure === undefined) {
        run.isLocal = false;
        return outbox;
      }
    }
    run.isLocal = false;
    return openOutbox(run);
  };

  /** Everybody waits for the first entry, and in a run that is not ours each append waits for its confirmation. */
  const hasteOf = (run: LogRun, window: EntryWindow, entry: LogEntry): Haste => {
    if (window.end === 0 || !run.isLocal) return 'now';
    return 'end' in entry || flushes(entry.event) ? 'soon' : 'later';
  };

  const readers: LogReaderOptions = {
    fetchPage,
    enter(runId) {
      if (isClosed) throw closing();
      watch.start();
      return runOf(runId);
    },
    follow(run, tail) {
      if (run.isLocal || run.followed !== undefined) return;
      run.followed = follower.follow(run.id, tail);
      run.heardAt = performance.now();
    },
    onMoved: (run) => settleRoom(run, windowBytes),
    onLeft(run) {
      settleRoom(run, windowBytes);
      forgetIfIdle(run);
    },
  };

  return {
    async create(runId) {
      if (runs.get(runId)?.isLocal) return;
      const isNew = await scripts.create([keyOf(runId), streamOf(runId)], [`${openTtlMs}`, crypto.randomUUID()]);
      const run = runOf(runId);
      if (Number(isNew) !== 1 || run.outbox !== undefined) {
        forgetIfIdle(run);
        return;
      }
      openOutbox(run);
      run.isLocal = true;
    },

    append(runId, entries) {
      const [first] = entries;
      if (first === undefined) return undefined;
      let place = placeOf(first);
      const run = runOf(runId);
      const outbox = outboxFor(run, place.epoch);
      if (outbox.failure !== undefined) throw outbox.failure;
      const { window } = outbox;
      let refused: ChatKitError | undefined;
      window.beginAppend(entries.length);
      for (const entry of entries) {
        if (entry !== first) place = placeOf(entry);
        if (run.isLocal && !window.isNew(entry.offset, place)) continue;
        if (run.isLocal && window.isEnded) {
          refused = closedRun(runId);
          break;
        }
        const size = entrySize(entry);
        if (size > maxBytesPerRun) {
          refused = tooLarge(runId, entry.offset, maxBytesPerRun);
          break;
        }
        writer.push(outbox, entry, place, size, hasteOf(run, window, entry));
      }
      watch.start();
      window.trim(windowBytes, outbox.acked);
      wakeAll(run);
      if (refused === undefined && run.isLocal && !(window.isEnded && !outbox.isConfirmed))
        return roomOf(run, windowBytes);
      const confirmed = writer.confirmed(outbox);
      confirmed.catch(() => {});
      if (refused !== undefined) throw refused;
      return confirmed;
    },

    read: (runId, where = {}) => readLog(readers, runId, where),

    async delete(runId) {
      const run = runs.get(runId);
      if (run !== undefined) {
        runs.delete(runId);
        run.outbox?.abandon(expiredRun(runId));
        if (run.followed !== undefined) follower.unfollow(run.followed);
        failReaders(run, expiredRun(runId));
        run.room?.resolve();
      }
      await scripts.delete([keyOf(runId), streamOf(runId)], [`${tombstoneMs}`]);
    },

    async close() {
      isClosed = true;
      follower.close();
      lifeline.close();
      for (const run of [...runs.values()]) failReaders(run, closing());
    },
  };
};

const placeOf = ({ offset }: LogEntry): Place => {
  const place = parseOffset(offset);
  if (place === undefined) throw unknownOffset(offset);
  return place;
};
