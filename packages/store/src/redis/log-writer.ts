/**
 * Writes the entries of all runs to Redis in the background. Each run has at most one batch under way and what arrives
 * meanwhile is the next batch, so batches grow with the latency to Redis and their order needs no bookkeeping. The
 * batches of all runs that are due go in one command. Batches of a failed command are sent again, with what has arrived
 * since; duplicates do no harm, because the script and every reader recognise entries by their offsets.
 *
 * It uses one timer and plain arrays for all runs: a timer, a promise and a set entry for each token of each run would
 * cost more than sending the token to Redis.
 */
import type { ChatKitError, LogEntry } from '@chatkit/core';
import type { Place } from '../shared/entry-list.ts';
import { closedRun, expiredRun, fencedRun, unknownRun, unreachable } from '../shared/log-errors.ts';
import type { CommandText } from './command-text.ts';
import { Command } from './log-command.ts';
import type { Haste, Outbox } from './log-outbox.ts';
import { appendReply } from './log-scripts.ts';
import type { RedisScript } from './redis-script.ts';

/** Why nothing more can be appended. */
export type OutboxFailure = 'gone' | 'closed' | 'fenced' | 'unreachable';

export interface LogWriterOptions {
  readonly append: RedisScript;
  /** The prefix of the runs' hashes, to which the run's id is added. */
  readonly keyPrefix: string;
  readonly flushMs: number;
  readonly flushEvents: number;
  readonly flushBytes: number;
  readonly maxRunsPerCommand: number;
  readonly maxBytesPerRun: number;
  readonly openTtlMs: number;
  readonly endedTtlMs: number;
  readonly unreachableMs: number;
  /**
   * After how long an answer is overdue. `isLost` says whether it may never come, in which case the batches are sent
   * again.
   */
  readonly lateMs: number;
  readonly isLost: (sentAt: number) => boolean;
  /** Called when entries have been confirmed, at `now` by `performance.now()`. */
  readonly onAcked: (outbox: Outbox, now: number) => void;
  /** Called when nothing more can be appended. */
  readonly onFailed: (outbox: Outbox, why: OutboxFailure) => void;
}

export interface LogWriter {
  /** Queues an entry of `size` bytes. */
  push(outbox: Outbox, entry: LogEntry, place: Place, size: number, haste: Haste): void;
  /** Resolves when all that was pushed is confirmed. */
  confirmed(outbox: Outbox): Promise<void>;
  /** Sends the batches of lost commands again. To be called regularly. */
  checkLate(now: number): void;
  /** Fails a run if Redis has owed it an answer for too long. */
  checkDebt(outbox: Outbox, now: number): void;
}

const firstRetryMs = 20;
const slowestRetryMs = 1_000;
/**
 * `flushMs` is divided into at most this many ticks, each at least this long, so that waiting runs are sent in several
 * portions.
 */
const mostTicksPerFlush = 5;
const shortestTickMs = 1;

export const createLogWriter = (options: LogWriterOptions): LogWriter => {
  /** An epoch of a run has one writer, which Redis knows by this id. */
  const writerId = crypto.randomUUID();
  const settings = [writerId, `${options.openTtlMs}`, `${options.endedTtlMs}`, `${options.maxBytesPerRun}`];
  const keys = [options.keyPrefix];
  /** How often the time to live of a run that appends is renewed. */
  const renewMs = options.openTtlMs / 20;
  const ticksPerFlush = Math.max(1, Math.min(mostTicksPerFlush, Math.floor(options.flushMs / shortestTickMs)));
  const tickMs = Math.max(shortestTickMs, options.flushMs / ticksPerFlush);
  const bucketCount = ticksPerFlush + 1;
  const texts: CommandText[] = [];
  /** Commands that leave at the end of this turn. */
  let due: Command[] = [];
  let turnEnds = false;
  /** Commands that wait for more batches, by the tick at which they are sent. */
  const buckets: Command[][] = Array.from({ length: bucketCount }, () => []);
  let waiting = 0;
  /** The last tick whose bucket was emptied. */
  let ticked = 0;
  let isTicking = false;
  /** Commands that have been sent and not answered. */
  const unanswered = new Set<Command>();
  /** When the current series of failures began. */
  let failingSince: number | undefined;
  let lastError: unknown;

  const join = (outbox: Outbox, command: Command): void => {
    outbox.join(command, Math.floor(command.openedAt / renewMs));
  };
  const joinLast = (outbox: Outbox, commands: Command[], leaves: Command['leaves']): void => {
    let command = commands.at(-1);
    if (command === undefined || command.size >= options.maxRunsPerCommand) {
      command = new Command(leaves, performance.now(), texts);
      commands.push(command);
    }
    join(outbox, command);
  };
  /** Few commands are the aim: waking up for a command and for its answer costs as much as the lines of ten runs. */
  const sendSoon = (outbox: Outbox): void => {
    const bucket = due.length === 0 ? nextToLeave() : undefined;
    const next = bucket?.at(-1);
    if (next !== undefined && next.size < options.maxRunsPerCommand) {
      next.leaves = 'soon';
      if (!outbox.isHasty) {
        join(outbox, next);
        return;
      }
      // Send that command now, with this batch in it.
      bucket?.pop();
      waiting -= 1;
      due.push(next);
    }
    joinLast(outbox, due, 'soon');
    if (turnEnds) return;
    turnEnds = true;
    queueMicrotask(() => {
      turnEnds = false;
      const commands = due;
      due = [];
      for (const command of commands) send(command);
    });
  };
  const tickAt = (now: number): number => Math.floor(now / tickMs);
  const bucketOf = (tick: number): Command[] => buckets[tick % bucketCount] as Command[];
  /** The bucket that is due within a tick, if it is not empty. */
  const nextToLeave = (): Command[] | undefined => {
    const last = waiting === 0 ? ticked : Math.min(tickAt(performance.now()) + 1, ticked + ticksPerFlush);
    for (let at = ticked + 1; at <= last; at += 1) if (bucketOf(at).length > 0) return bucketOf(at);
    return undefined;
  };
  const sendLater = (outbox: Outbox): void => {
    if (waiting === 0) ticked = tickAt(performance.now());
    const bucket = bucketOf(ticked + ticksPerFlush);
    const before = bucket.length;
    joinLast(outbox, bucket, 'later');
    waiting += bucket.length - before;
    if (!isTicking) awaitTick();
  };
  const awaitTick = (): void => {
    isTicking = waiting > 0;
    if (!isTicking) return;
    let next = ticked + 1;
    while (bucketOf(next).length === 0) next += 1;
    setTimeout(tick, Math.max(1, Math.ceil(next * tickMs - performance.now())));
  };
  /**
   * Sends the commands that are due. With several ticks per `flushMs` these are small portions, so that nothing waits
   * behind all of them.
   */
  const tick = (): void => {
    const now = tickAt(performance.now());
    for (let at = Math.max(ticked, now - bucketCount) + 1; at <= now; at += 1) {
      const bucket = bucketOf(at);
      waiting -= bucket.length;
      for (const command of bucket) send(command);
      bucket.length = 0;
    }
    ticked = now;
    awaitTick();
  };
  /** Decides when the entries that are not under way are sent. */
  const schedule = (outbox: Outbox): void => {
    const { stage } = outbox;
    if (stage === 'sent') {
      outbox.listen();
      return;
    }
    if (outbox.pending === 0) return;
    const isDue = outbox.isUrgent || outbox.pending >= options.flushEvents || outbox.length >= options.flushBytes;
    if (stage === 'soon' || (stage === 'later' && !isDue)) outbox.update();
    else {
      outbox.takeBack();
      if (isDue) sendSoon(outbox);
      else sendLater(outbox);
    }
    // Entries that did not fit into the batch make the next one, when this one is confirmed.
    if (outbox.hasMore) outbox.listen();
  };

  const send = (command: Command): void => {
    const text = command.send(performance.now());
    if (text === '') return;
    unanswered.add(command);
    options.append(keys, [...settings, text]).then(
      (reply) => settle(command, reply as (number | string)[]),
      (error) => sendAgainSoon(command, error),
    );
  };
  const settle = (command: Command, replies: readonly (number | string)[]): void => {
    unanswered.delete(command);
    failingSince = undefined;
    for (let at = 0; at < replies.length; at += 3) {
      const outbox = command.outboxAt(Number(replies[at]));
      if (outbox?.failure === undefined && outbox?.isIn(command))
        refuse(outbox, Number(replies[at + 1]), String(replies[at + 2]));
    }
    const now = performance.now();
    for (const outbox of command.confirm(now))
      if (outbox.failure === undefined && outbox.isIn(command)) confirm(outbox, now);
  };
  const sendAgain = (command: Command): void => {
    for (const outbox of command.giveUp()) {
      if (outbox.failure !== undefined || !outbox.isIn(command)) continue;
      outbox.sendAgain();
      sendSoon(outbox);
    }
  };
  const sendAgainSoon = (command: Command, error: unknown): void => {
    unanswered.delete(command);
    const now = performance.now();
    lastError = error;
    failingSince ??= now;
    // The pause is as long as the failure has lasted so far, so each is twice the one before.
    const retryMs = Math.min(Math.max(now - failingSince, firstRetryMs), slowestRetryMs);
    setTimeout(() => sendAgain(command), retryMs);
  };

  const confirm = (outbox: Outbox, now: number): void => {
    const { acked, waiters } = outbox;
    while (waiters?.[0] !== undefined && waiters[0].index <= acked) waiters.shift()?.resolve();
    schedule(outbox);
    options.onAcked(outbox, now);
  };
  const refuse = (outbox: Outbox, reply: number, tail: string): void => {
    const runId = outbox.run.id;
    if (reply === appendReply.behind && outbox.window.covers(tail)) {
      outbox.goBack(tail);
      sendSoon(outbox);
    } else if (reply === appendReply.closed) {
      fail(outbox, closedRun(runId), 'closed');
    } else if (reply === appendReply.fenced) {
      fail(outbox, fencedRun(runId), 'fenced');
    } else {
      fail(outbox, outbox.wasConfirmed ? expiredRun(runId) : unknownRun(runId), 'gone');
    }
  };
  const fail = (outbox: Outbox, error: ChatKitError, why: OutboxFailure): void => {
    outbox.abandon(error);
    options.onFailed(outbox, why);
  };

  return {
    push(outbox, entry, place, size, haste) {
      outbox.push(entry, place, size, haste);
      schedule(outbox);
    },
    async confirmed(outbox) {
      if (outbox.failure !== undefined) throw outbox.failure;
      if (outbox.isConfirmed) return;
      await new Promise<void>((resolve, reject) => {
        outbox.wait({ index: outbox.window.end, resolve, reject });
      });
    },
    checkLate(now) {
      for (const command of [...unanswered]) {
        // Only if an earlier check saw it too: after this process was starved, answers that have already arrived must
        // be read first.
        const isLate = command.isSeen && now - command.sentAt >= options.lateMs;
        command.isSeen = true;
        if (!isLate || !options.isLost(command.sentAt)) continue;
        unanswered.delete(command);
        sendAgain(command);
      }
    },
    checkDebt(outbox, now) {
      if (outbox.isOwedSince(now - options.unreachableMs))
        fail(outbox, unreachable(outbox.run.id, lastError, 'Redis'), 'unreachable');
    },
  };
};
