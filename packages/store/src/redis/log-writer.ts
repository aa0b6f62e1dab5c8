/**
 * Brings what runs append to Redis, behind the producer's back. Each run has at most one batch under way; what comes
 * meanwhile is the next batch, so the batches grow with the distance to Redis and order needs no bookkeeping. The batches
 * of all runs that are due travel in one command. A batch that fails is sent again as it was: the script knows it by its
 * offset.
 */
import { type ChatKitError, compareOffsets, type LogEntry, parseOffset } from '@chatkit/core';
import { encodeEvent } from './encode-event.ts';
import { createEntryWindow, type EntryWindow } from './entry-window.ts';
import { closedRun, expiredRun, fencedRun, unknownRun, unreachable } from './log-errors.ts';
import { appendReply } from './log-scripts.ts';
import type { RedisScript } from './redis-script.ts';

/** What one run has to bring to Redis. */
export interface Outbox {
  readonly runId: string;
  /** The run's hash in Redis. */
  readonly key: string;
  readonly window: EntryWindow;
  /** Index of the first entry that Redis has not confirmed. */
  acked: number;
  /** The last offset that Redis has confirmed; '' while it has none. */
  ackedOffset: string;
  /** How many entries are under way. */
  inFlight: number;
  /** Entries before this index are not to wait for company. */
  urgent: number;
  /** When the entries that wait for company go, by `performance.now()`. */
  dueAt: number;
  /** Since when Redis owes an answer, by `performance.now()`. */
  owedSince: number | undefined;
  /** When the run's time to live was last renewed. */
  touchedAt: number;
  /** Why nothing can be appended any more. */
  failure: ChatKitError | undefined;
  readonly waiters: Waiter[];
}

interface Waiter {
  /** Waits until every entry before this index is confirmed. */
  readonly index: number;
  resolve(): void;
  reject(error: unknown): void;
}

export interface LogWriterOptions {
  readonly append: RedisScript;
  readonly keyOf: (runId: string) => string;
  readonly flushMs: number;
  readonly flushEvents: number;
  readonly flushBytes: number;
  readonly maxRunsPerCommand: number;
  readonly maxBytesPerRun: number;
  readonly openTtlMs: number;
  readonly endedTtlMs: number;
  readonly unreachableMs: number;
  /** Entries of this run have been confirmed. */
  readonly onAcked: (outbox: Outbox) => void;
  /** Nothing of this run can be appended any more. */
  readonly onFailed: (outbox: Outbox, why: 'gone' | 'closed' | 'fenced' | 'unreachable') => void;
}

export interface LogWriter {
  open(runId: string, from: string): Outbox;
  /** Queues an entry. `now`: it does not wait for company. */
  push(outbox: Outbox, entry: LogEntry, now: boolean): void;
  /** Resolves when all that was pushed is confirmed. */
  confirmed(outbox: Outbox): Promise<void>;
  /** Gives up what is queued. */
  drop(outbox: Outbox): void;
  /** Fails the runs that Redis has owed an answer for too long. */
  sweep(now: number): void;
  isIdle(): boolean;
}

/** No batch of a run is larger, however much has piled up. */
const maxBatchBytes = 64 * 1024;
const firstRetryMs = 20;
/** Runs whose time comes within this part of `flushMs` go together. */
const ticksPerFlush = 5;
const slowestRetryMs = 1_000;

export const createLogWriter = (options: LogWriterOptions): LogWriter => {
  /** In one epoch of a run one writer writes. */
  const writerId = crypto.randomUUID();
  const { append, keyOf, flushMs } = options;
  const tickMs = flushMs / ticksPerFlush;
  /** Outboxes with entries that are not confirmed. */
  const busy = new Set<Outbox>();
  /** Those to be sent at the end of this turn, and those that wait for company, by when their time comes. */
  const due = new Set<Outbox>();
  const later = new Set<Outbox>();
  let turnEnds = false;
  let isTicking = false;
  let retryMs = 0;
  let lastError: unknown;

  const sendSoon = (outbox: Outbox): void => {
    later.delete(outbox);
    due.add(outbox);
    if (turnEnds) return;
    turnEnds = true;
    queueMicrotask(() => {
      turnEnds = false;
      send();
    });
  };
  const sendLater = (outbox: Outbox): void => {
    if (later.has(outbox)) return;
    outbox.dueAt = performance.now() + flushMs;
    // All wait equally long, so the set is in the order of their times.
    later.add(outbox);
    if (isTicking) return;
    isTicking = true;
    setTimeout(tick, flushMs);
  };
  /** One timer for all runs. Those that are due go in several small portions, so that nothing waits behind all of them. */
  const tick = (): void => {
    const until = performance.now() + tickMs;
    for (const each of later) {
      if (each.dueAt > until) break;
      later.delete(each);
      due.add(each);
    }
    send();
    isTicking = later.size > 0;
    if (isTicking) setTimeout(tick, tickMs);
  };
  /** Decides when the entries that are not under way go. */
  const schedule = (outbox: Outbox): void => {
    if (outbox.inFlight > 0 || outbox.failure !== undefined) return;
    const { window, acked, urgent } = outbox;
    const waiting = window.end() - acked;
    if (waiting === 0) return;
    if (urgent > acked || waiting >= options.flushEvents || window.bytesFrom(acked) >= options.flushBytes)
      sendSoon(outbox);
    else if (!due.has(outbox)) sendLater(outbox);
  };

  const send = (): void => {
    const all = [...due];
    due.clear();
    for (let from = 0; from < all.length; from += options.maxRunsPerCommand)
      void sendTogether(all.slice(from, from + options.maxRunsPerCommand));
  };
  const sendTogether = async (chosen: readonly Outbox[]): Promise<void> => {
    const now = performance.now();
    const sent: { readonly outbox: Outbox; readonly batch: OutgoingBatch }[] = [];
    const keys: string[] = [];
    const args = [writerId, `${options.openTtlMs}`, `${options.endedTtlMs}`, `${options.maxBytesPerRun}`];
    for (const outbox of chosen) {
      if (outbox.inFlight > 0 || outbox.failure !== undefined) continue;
      const batch = nextBatch(outbox);
      if (batch === undefined) continue;
      const renews = now - outbox.touchedAt > options.openTtlMs / 10;
      if (renews) outbox.touchedAt = now;
      outbox.inFlight = batch.count;
      outbox.owedSince ??= now;
      sent.push({ outbox, batch });
      keys.push(outbox.key);
      args.push(batch.id, outbox.ackedOffset, `${batch.outcome || (renews ? 't' : '')}${batch.events}`);
    }
    if (sent.length === 0) return;
    const others = new Map<number, readonly [reply: number, tail: string]>();
    try {
      const replies = (await append(keys, args)) as (number | string)[];
      for (let at = 0; at < replies.length; at += 3)
        others.set(Number(replies[at]), [Number(replies[at + 1]), String(replies[at + 2])]);
      retryMs = 0;
    } catch (error) {
      lastError = error;
      retryMs = Math.min(Math.max(retryMs * 2, firstRetryMs), slowestRetryMs);
      setTimeout(() => {
        for (const { outbox } of sent) {
          outbox.inFlight = 0;
          outbox.touchedAt = Number.NEGATIVE_INFINITY;
          if (outbox.failure === undefined) sendSoon(outbox);
        }
      }, retryMs);
      return;
    }
    for (let index = 0; index < sent.length; index += 1) {
      const { outbox, batch } = sent[index] as (typeof sent)[0];
      outbox.inFlight = 0;
      if (outbox.failure !== undefined) continue;
      const [reply, tail] = others.get(index) ?? [appendReply.done, batch.id];
      settle(outbox, batch, reply, tail);
    }
  };

  const settle = (outbox: Outbox, batch: OutgoingBatch, reply: number, tail: string): void => {
    const { runId, window } = outbox;
    if (reply === appendReply.done) {
      for (const end = outbox.acked + batch.count; outbox.acked < end; outbox.acked += 1) {
        const slot = window.at(outbox.acked);
        // Kept by the thousand, and needed again by hardly anybody.
        if (slot !== undefined) slot.text = '';
      }
      outbox.ackedOffset = batch.id;
      outbox.owedSince = undefined;
      while (outbox.waiters[0] !== undefined && outbox.waiters[0].index <= outbox.acked)
        outbox.waiters.shift()?.resolve();
      if (outbox.acked === window.end()) busy.delete(outbox);
      schedule(outbox);
      options.onAcked(outbox);
    } else if (reply === appendReply.behind && window.covers(tail)) {
      outbox.acked = window.indexAfter(tail === '' ? undefined : tail);
      outbox.ackedOffset = tail;
      sendSoon(outbox);
    } else if (reply === appendReply.closed) {
      fail(outbox, closedRun(runId), 'closed');
    } else if (reply === appendReply.fenced) {
      fail(outbox, fencedRun(runId), 'fenced');
    } else {
      fail(outbox, outbox.ackedOffset === '' ? unknownRun(runId) : expiredRun(runId), 'gone');
    }
  };

  const drop = (outbox: Outbox): void => {
    for (const each of [busy, due, later]) each.delete(outbox);
  };
  const fail = (outbox: Outbox, error: ChatKitError, why: 'gone' | 'closed' | 'fenced' | 'unreachable'): void => {
    outbox.failure = error;
    outbox.owedSince = undefined;
    drop(outbox);
    for (const waiter of outbox.waiters.splice(0)) waiter.reject(error);
    options.onFailed(outbox, why);
  };

  return {
    open: (runId, from) => ({
      runId,
      key: keyOf(runId),
      window: createEntryWindow(from),
      acked: 0,
      ackedOffset: from,
      inFlight: 0,
      urgent: 0,
      dueAt: 0,
      owedSince: undefined,
      touchedAt: Number.NEGATIVE_INFINITY,
      failure: undefined,
      waiters: [],
    }),
    push(outbox, entry, now) {
      const text = 'end' in entry ? '' : encodeEvent(entry.event);
      outbox.window.push(entry, text.length, text);
      busy.add(outbox);
      if (now) outbox.urgent = outbox.window.end();
      schedule(outbox);
    },
    confirmed: (outbox) =>
      outbox.failure !== undefined
        ? Promise.reject(outbox.failure)
        : outbox.acked === outbox.window.end()
          ? Promise.resolve()
          : new Promise((resolve, reject) => outbox.waiters.push({ index: outbox.window.end(), resolve, reject })),
    drop,
    sweep(now) {
      for (const outbox of busy) {
        if (outbox.owedSince !== undefined && now - outbox.owedSince > options.unreachableMs)
          fail(outbox, unreachable(outbox.runId, lastError), 'unreachable');
      }
    },
    isIdle: () => busy.size === 0,
  };
};

interface OutgoingBatch {
  readonly id: string;
  readonly count: number;
  /** The events' JSON, as an array. */
  readonly events: string;
  readonly outcome: string;
}

/** The entries that go next: of one epoch, without a gap (so that the last offset gives all), up to the terminal one. */
const nextBatch = ({ window, acked }: Outbox): OutgoingBatch | undefined => {
  let events = '';
  let last: LogEntry | undefined;
  let bytes = 0;
  let outcome = '';
  let count = 0;
  for (; outcome === '' && bytes < maxBatchBytes; count += 1) {
    const slot = window.at(acked + count);
    if (slot === undefined || (last !== undefined && !follows(last.offset, slot.entry.offset))) break;
    last = slot.entry;
    if ('end' in last) outcome = last.end;
    else {
      // Sent once before, to a Redis that has lost it since.
      const text = slot.text || encodeEvent(last.event);
      bytes += text.length;
      events += events === '' ? text : `,${text}`;
    }
  }
  return last === undefined ? undefined : { id: last.offset, count, events: `[${events}]`, outcome };
};

/** Whether `next` is the offset right after `offset`. */
const follows = (offset: string, next: string): boolean => {
  const a = parseOffset(offset);
  const b = parseOffset(next);
  return a !== undefined && b !== undefined && a.epoch === b.epoch && a.seq + 1 === b.seq;
};

/** Whether the log of this outbox has `offset` already. */
export const holds = ({ window }: Outbox, offset: string): boolean =>
  window.last() !== '' && compareOffsets(offset, window.last()) <= 0;
