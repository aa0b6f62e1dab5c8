/**
 * Leases (which machine may run a thread) in Redis, timed by its clock. A stop request is published by pub/sub and also
 * stored in the run's record, so an owner that missed the message reads it with its next renewal. News of free threads
 * travels on the same channel.
 */
import type { RunLease, RunOutcome, RunRecord } from '@chatkit/core';
import {
  acquireScript,
  activeScript,
  findScript,
  leaveScript,
  queueScript,
  reapScript,
  releaseScript,
  renewScript,
  stopScript,
} from './lease-scripts.ts';
import { createRedisPort, type RedisClient } from './redis-client.ts';
import { createLifeline, overdueMs } from './redis-lifeline.ts';
import { listenAlive } from './redis-listener.ts';
import { createRedisScript, limitRedisScript } from './redis-script.ts';

export interface RedisLeaseOptions {
  /** A connected client of `redis` or `ioredis`. The lease opens one more connection from it to listen for stops. */
  client: RedisClient;
  /** The same as the log's. Default `chatkit`. */
  prefix?: string | undefined;
  /** How long a lease lasts without a renewal: the time after which a dead machine's run is ended. Default 15 s. */
  ttlMs?: number | undefined;
  /** How long the record of an ended run is kept. Default 10 minutes. */
  retainMs?: number | undefined;
  /** How long Redis may fail to answer before a call fails. Default 30 s. */
  unreachableMs?: number | undefined;
}

/**
 * Leases that many processes share. One run holds a thread at a time; a run whose owner has not renewed in time goes to
 * the next caller of `reap()`, under the next epoch, by which the log fences off the old owner.
 *
 * A call rejects when Redis refuses the command (what it refuses only for now, as during a failover, is sent again up to
 * `unreachableMs`), or has not answered for `unreachableMs`, in which case it may have run the command. A rejected
 * renewal alone does not end a run: what counts is the time since the last one that succeeded.
 * `close()` ends the listening connection; your client stays open.
 *
 * @example
 * const lease = createRedisLease({ client, ttlMs: 10_000 });
 */
export const createRedisLease = (options: RedisLeaseOptions): RunLease => {
  const ttlMs = options.ttlMs ?? 15_000;
  const retainMs = options.retainMs ?? 600_000;
  const base = `{${options.prefix ?? 'chatkit'}}`;
  const runPrefix = `${base}:run:`;
  const leases = `${base}:leases`;
  const channel = `${base}:stop`;
  const runKey = (runId: string) => runPrefix + runId;
  const threadKey = (threadId: string) => `${base}:thread:${threadId}`;
  const linePrefix = `${base}:line:`;
  const lineKey = (threadId: string) => linePrefix + threadId;
  const port = createRedisPort(options.client);
  const unreachableMs = options.unreachableMs ?? 30_000;
  // Soon enough for a renewal that was lost with its connection to be repeated over another one.
  const lateMs = Math.min(overdueMs(unreachableMs), ttlMs / 3);
  const lifeline = createLifeline(port, { quietMs: lateMs, unreachableMs });
  const limits = { unreachableMs, lateMs, isLost: lifeline.isLost };
  const scriptOf = (source: string) => limitRedisScript(createRedisScript(lifeline, source), limits);
  const repeatable = (source: string) =>
    limitRedisScript(createRedisScript(lifeline, source), { ...limits, isRepeatable: true });
  const scripts = {
    acquire: repeatable(acquireScript),
    queue: scriptOf(queueScript),
    leave: scriptOf(leaveScript),
    renew: repeatable(renewScript),
    release: scriptOf(releaseScript),
    find: repeatable(findScript),
    active: repeatable(activeScript),
    stop: repeatable(stopScript),
    reap: scriptOf(reapScript),
  };
  const listeners = new Set<(runId: string, cause: string) => void>();
  const freeListeners = new Set<(threadId: string) => void>();
  let endListening: (() => void) | undefined;

  /** A message names a run and why it is to stop, or a thread that is free. */
  const hear = (message: string): void => {
    const [id, cause] = readMessage(message);
    if (id === undefined) return;
    if (cause === undefined) for (const listener of [...freeListeners]) listener(id);
    else for (const listener of [...listeners]) listener(id, cause);
  };
  const listen = (): void => {
    endListening ??= listenAlive({ port, channel, hear, quietMs: lateMs });
  };

  return {
    ttlMs,
    async acquire({ runId, threadId, resumable, userId }, waiter = '') {
      const keys = [threadKey(threadId), runKey(runId), leases, lineKey(threadId)];
      const call = crypto.randomUUID();
      const args = [runId, threadId, flagOf(resumable), `${ttlMs}`, runPrefix, userOf(userId), waiter, call];
      const [granted, record, behind] = (await scripts.acquire(keys, args)) as [number, RawRecord, number];
      if (Number(granted) === 0) return { heldBy: toRecordOrNothing(record) };
      return { granted: toRecord(record), ...(Number(behind) === 1 ? { overtaken: true } : {}) };
    },
    async queue({ runId, threadId, resumable, userId }, waiter) {
      const args = [runId, waiter, `${ttlMs}`, threadId, flagOf(resumable), userOf(userId)];
      await scripts.queue([lineKey(threadId), runKey(runId)], args);
    },
    async leave({ runId, threadId }, waiter, outcome) {
      const keys = [threadKey(threadId), lineKey(threadId), runKey(runId)];
      await scripts.leave(keys, [runId, threadId, waiter, channel, outcome ?? '', `${retainMs}`]);
    },
    async renew({ runId, threadId, epoch }, waiter = '') {
      const keys = [runKey(runId), leases, lineKey(threadId)];
      const reply = await scripts.renew(keys, [runId, `${epoch}`, `${ttlMs}`, waiter]);
      const [held, stop] = reply as [number, string];
      return { held: Number(held) === 1, ...(stop === '' ? {} : { stop }) };
    },
    async release({ runId, threadId, epoch }, outcome) {
      const keys = [runKey(runId), threadKey(threadId), leases, lineKey(threadId)];
      await scripts.release(keys, [runId, `${epoch}`, outcome ?? '', `${retainMs}`, threadId, channel]);
    },
    find: async (runId) => toRecordOrNothing(await scripts.find([runKey(runId)], [runId, linePrefix])),
    activeIn: async (threadId) => toRecordOrNothing(await scripts.active([threadKey(threadId)], [runPrefix])),
    async requestStop(runId, cause) {
      await scripts.stop([runKey(runId)], [runId, cause, channel, linePrefix]);
    },
    onStop(listener) {
      // Wrapped, so that the same function can be registered twice.
      const own = (runId: string, cause: string) => listener(runId, cause);
      listeners.add(own);
      listen();
      return () => void listeners.delete(own);
    },
    onFree(listener) {
      const own = (threadId: string) => listener(threadId);
      freeListeners.add(own);
      listen();
      return () => void freeListeners.delete(own);
    },
    async reap() {
      const reaped = await scripts.reap([leases], [`${ttlMs}`, runPrefix, `${reapedAtOnce}`]);
      return (reaped as RawRecord[]).map(toRecord);
    },
    async close() {
      listeners.clear();
      freeListeners.clear();
      endListening?.();
      endListening = undefined;
      lifeline.close();
    },
  };
};

/**
 * Parses a message; empty if it is not one of ours. Anyone who can reach Redis can publish here, and an error thrown
 * here would end the process.
 */
const readMessage = (message: string): readonly [id?: string, cause?: string] => {
  try {
    const said: unknown = JSON.parse(message);
    return Array.isArray(said) && said.every((each) => typeof each === 'string') ? (said as [string?, string?]) : [];
  } catch {
    return [];
  }
};

/** How many runs one call takes over. The next call, perhaps on another machine, takes the next ones. */
const reapedAtOnce = 50;

type RawRecord = [runId: string, threadId: string, epoch: string, resumable: string, outcome: string, user: string];

const flagOf = (resumable: boolean): string => (resumable ? '1' : '');

/** Marked with `=`, because an empty user id is not the same as none. */
const userOf = (userId: string | undefined): string => (userId === undefined ? '' : `=${userId}`);

const toRecord = ([runId, threadId, epoch, resumable, outcome, user]: RawRecord): RunRecord => ({
  runId,
  threadId,
  epoch: Number(epoch),
  resumable: resumable === '1',
  ...(user === '' ? {} : { userId: user.slice(1) }),
  ...(outcome === '' ? {} : { outcome: outcome as RunOutcome }),
});

const toRecordOrNothing = (reply: unknown): RunRecord | undefined =>
  Array.isArray(reply) ? toRecord(reply as RawRecord) : undefined;
