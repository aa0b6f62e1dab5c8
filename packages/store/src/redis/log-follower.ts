/**
 * Follows the runs of other machines, with one blocking XREAD for all of them. When a run is added while the command
 * blocks, an entry in a separate wake-up stream ends it. That works on any Redis and leaves no moment in which a
 * wake-up can be missed.
 */
import { compareOffsets, parseOffset } from '@chatkit/core';
import { forEach, interruptible, pipe, retry, timeout } from '@chatkit/stream';
import { EntryWindow } from './entry-window.ts';
import { type Batch, decodeBatch, readReplyPairs } from './log-batch.ts';
import type { RedisConnection, RedisPort } from './redis-client.ts';

/** A run that is followed. */
export interface Followed {
  readonly runId: string;
  /** The entries that have arrived. Replaced when there is a gap. */
  window: EntryWindow;
  /** The last stream id that was read. */
  cursor: string;
}

export interface LogFollowerOptions {
  readonly port: RedisPort;
  readonly streamOf: (runId: string) => string;
  readonly wakeKey: string;
  /** How long one XREAD blocks. */
  readonly blockMs: number;
  /** Called when entries have arrived or the window was replaced. */
  readonly onEntries: (followed: Followed) => void;
  /** Called when the run was deleted. */
  readonly onDeleted: (followed: Followed) => void;
}

export interface LogFollower {
  /** Follows a run from after `from` ('' is the beginning). */
  follow(runId: string, from: string): Followed;
  unfollow(followed: Followed): void;
  close(): void;
}

/** The most batches of one run in a reply, so that a long replay does not keep the other runs waiting. */
const maxBatches = 200;
const firstRetryMs = 20;
const slowestRetryMs = 1_000;
/** How much later than `blockMs` a reply may come before the connection counts as half-open. */
const lateMs = 5_000;

export const createLogFollower = (options: LogFollowerOptions): LogFollower => {
  const { port, streamOf, wakeKey, blockMs } = options;
  const followed = new Map<string, Followed>();
  let connection: RedisConnection | undefined;
  let state: 'idle' | 'reading' | 'closed' = 'idle';
  const closing = new AbortController();
  /** The last id that was read of the wake-up stream. */
  let woken = '0-0';
  let waking = false;

  const wake = (): void => {
    if (waking) return;
    waking = true;
    queueMicrotask(() => {
      waking = false;
      Promise.all([
        port.command(['XADD', wakeKey, 'MAXLEN', '1', '*', 'w', '']),
        port.command(['PEXPIRE', wakeKey, `${20 * blockMs}`]),
      ]).catch(() => {
        // The blocking command will end by itself, and the next one names all runs.
      });
    });
  };

  const take = (run: Followed, batch: Batch): void => {
    if (batch.before !== '' && isAfter(batch.before, run.cursor)) run.window = new EntryWindow(batch.before);
    run.cursor = batch.id;
    run.window.beginAppend(batch.entries.length);
    for (const entry of batch.entries)
      if (isAfter(entry.offset, run.window.lastOffset))
        run.window.push(entry, parseOffset(entry.offset), batch.bytesPerEntry);
  };
  const deliver = (reply: unknown, byStream: ReadonlyMap<string, Followed>): void => {
    for (const [stream, batches] of readReplyPairs(reply)) {
      if (stream === wakeKey) {
        woken = (batches.at(-1) as [string])[0];
        continue;
      }
      const run = byStream.get(stream);
      if (run === undefined || followed.get(run.runId) !== run) continue;
      for (const raw of batches) {
        const batch = decodeBatch(raw);
        if (batch === undefined) {
          followed.delete(run.runId);
          options.onDeleted(run);
          break;
        }
        take(run, batch);
      }
      if (run.window.isEnded) followed.delete(run.runId);
      options.onEntries(run);
    }
  };

  /** One blocking command after another while runs are followed; yields after each reply. */
  const answers = async function* (): AsyncGenerator<void, undefined> {
    while (followed.size > 0) {
      const runs = [...followed.values()];
      const streams = runs.map((run) => streamOf(run.runId));
      connection ??= port.connect();
      const reply = await connection.command([
        ...['XREAD', 'COUNT', `${maxBatches}`, 'BLOCK', `${blockMs}`, 'STREAMS'],
        ...[wakeKey, ...streams, woken],
        ...runs.map((run) => (run.cursor === '' ? '0-0' : run.cursor)),
      ]);
      deliver(reply, new Map(runs.map((run, index) => [streams[index] as string, run])));
      yield;
      // Each command names every run, so with many runs it pays to let more entries arrive before the next one.
      await pause(Math.min(20, Math.floor(runs.length / 25)));
    }
  };
  const disconnect = (): void => {
    connection?.close();
    connection = undefined;
  };
  const read = async (): Promise<void> => {
    state = 'reading';
    while (isReading() && followed.size > 0) {
      await pipe(
        retry(() => pipe(answers(), timeout({ idleMs: blockMs + lateMs })), {
          retries: Number.POSITIVE_INFINITY,
          baseMs: firstRetryMs,
          maxMs: slowestRetryMs,
          onRetry: disconnect,
        }),
        interruptible(closing.signal),
        forEach(() => {}),
      );
    }
    if (isReading()) state = 'idle';
  };
  const isReading = (): boolean => state === 'reading';

  return {
    follow(runId, from) {
      const run = { runId, window: new EntryWindow(from), cursor: from };
      followed.set(runId, run);
      if (state === 'idle') void read();
      else wake();
      return run;
    },
    unfollow(run) {
      if (followed.get(run.runId) === run) followed.delete(run.runId);
    },
    close() {
      state = 'closed';
      followed.clear();
      closing.abort();
      disconnect();
    },
  };
};

const isAfter = (offset: string, than: string): boolean => than === '' || compareOffsets(offset, than) > 0;

const pause = (ms: number): Promise<void> =>
  ms <= 0 ? Promise.resolve() : new Promise((done) => setTimeout(done, ms));
