/**
 * Brings what runs append to Redis, behind the producer's back. Each run has at most one batch under way; what comes
 * meanwhile is the next batch, so the batches grow with the distance to Redis and order needs no bookkeeping. The batches
 * of all runs that are due travel in one command. What a failed command had is sent again, with what has come since: the
 * script and every reader know entries by their offsets.
 *
 * One timer and plain arrays for all runs, by hand: a timer, a promise and a set's entry for each token of each run cost
 * more than bringing the token to Redis.
 */
import { type ChatKitError, type LogEntry, parseOffset } from '@chatkit/core';
import type { Place } from '../shared/entry-list.ts';
import { EntryWindow } from './entry-window.ts';
import { Draft } from './log-draft.ts';
import { closedRun, expiredRun, fencedRun, unknownRun, unreachable } from './log-errors.ts';
import type { LogRun } from './log-run.ts';
import { appendReply } from './log-scripts.ts';
import type { RedisScript } from './redis-script.ts';

/** What one run has to bring to Redis. */
export interface Outbox {
  /** What a batch begins with: the length of the run's id in bytes, and the id. */
  readonly head: string;
  readonly window: EntryWindow;
  readonly draft: Draft;
  /** Whose outbox it is. */
  readonly run: LogRun;
  /** `waiting` for company, `due` at the end of this turn, or `away`: a batch is under way. */
  state: 'idle' | 'waiting' | 'due' | 'away';
  /** Index of the first entry that Redis has not confirmed. */
  acked: number;
  /** The last offset that Redis has confirmed; '' while it has none. */
  ackedOffset: string;
  /** How many entries are under way, and the offset of the last one. */
  inFlight: number;
  sentOffset: string;
  /** Entries before this index are not to wait for company. */
  urgent: number;
  /** The tick at which those go that wait for company. */
  dueTick: number;
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

/** Why nothing can be appended any more. */
export type OutboxFailure = 'gone' | 'closed' | 'fenced' | 'unreachable';

export interface LogWriterOptions {
  readonly append: RedisScript;
  /** What the name of a run's hash is before the run's id. */
  readonly keyPrefix: string;
  readonly flushMs: number;
  readonly flushEvents: number;
  readonly flushBytes: number;
  readonly maxRunsPerCommand: number;
  readonly maxBytesPerRun: number;
  readonly openTtlMs: number;
  readonly endedTtlMs: number;
  readonly unreachableMs: number;
  /** Entries have been confirmed, at `now` by `performance.now()`. */
  readonly onAcked: (outbox: Outbox, now: number) => void;
  /** Nothing can be appended any more. */
  readonly onFailed: (outbox: Outbox, why: OutboxFailure) => void;
}

export interface LogWriter {
  /** Queues an entry of `size` bytes. `now`: it does not wait for company. */
  push(outbox: Outbox, entry: LogEntry, place: Place, size: number, now: boolean): void;
  /** Resolves when all that was pushed is confirmed. */
  confirmed(outbox: Outbox): Promise<void>;
  /** Gives up what is queued. */
  abandon(outbox: Outbox, error: ChatKitError): void;
  /** Fails a run that Redis has owed an answer for too long. */
  checkDebt(outbox: Outbox, now: number): void;
}

const nowhere: Place = { epoch: 0, seq: 0 };

export const createOutbox = (run: LogRun): Outbox => ({
  run,
  head: `${new TextEncoder().encode(run.id).length} ${run.id} `,
  window: new EntryWindow(''),
  draft: new Draft(),
  state: 'idle',
  acked: 0,
  ackedOffset: '',
  inFlight: 0,
  sentOffset: '',
  urgent: 0,
  dueTick: 0,
  owedSince: undefined,
  touchedAt: Number.NEGATIVE_INFINITY,
  failure: undefined,
  waiters: [],
});

/** Whether Redis has confirmed all that was pushed. */
export const isConfirmed = ({ acked, window }: Outbox): boolean => acked === window.end;

const firstRetryMs = 20;
const slowestRetryMs = 1_000;
/** Into how many portions the runs that wait for company are divided, at most, and how short their intervals may be. */
const mostTicksPerFlush = 5;
const shortestTickMs = 1;

export const createLogWriter = (options: LogWriterOptions): LogWriter => {
  /** In one epoch of a run one writer writes. */
  const writerId = crypto.randomUUID();
  const settings = [writerId, `${options.openTtlMs}`, `${options.endedTtlMs}`, `${options.maxBytesPerRun}`];
  const keys = [options.keyPrefix];
  const ticksPerFlush = Math.max(1, Math.min(mostTicksPerFlush, Math.floor(options.flushMs / shortestTickMs)));
  const tickMs = Math.max(shortestTickMs, options.flushMs / ticksPerFlush);
  const bucketCount = ticksPerFlush + 1;
  /** Those to be sent at the end of this turn. */
  let due: Outbox[] = [];
  let turnEnds = false;
  /** Those that wait for company, by their ticks; an outbox that has gone before its time is passed over. */
  const buckets: Outbox[][] = Array.from({ length: bucketCount }, () => []);
  let waiting = 0;
  /** The last tick whose bucket was emptied. */
  let ticked = 0;
  let isTicking = false;
  /** Since when no command has succeeded. */
  let failingSince: number | undefined;
  let lastError: unknown;

  const makeDue = (outbox: Outbox): void => {
    outbox.state = 'due';
    due.push(outbox);
  };
  const sendSoon = (outbox: Outbox): void => {
    makeDue(outbox);
    if (turnEnds) return;
    turnEnds = true;
    queueMicrotask(() => {
      turnEnds = false;
      send();
    });
  };
  const tickAt = (now: number): number => Math.floor(now / tickMs);
  const bucketOf = (tick: number): Outbox[] => buckets[tick % bucketCount] as Outbox[];
  const sendLater = (outbox: Outbox): void => {
    if (waiting === 0) ticked = tickAt(performance.now());
    outbox.state = 'waiting';
    outbox.dueTick = ticked + ticksPerFlush;
    bucketOf(outbox.dueTick).push(outbox);
    waiting += 1;
    if (!isTicking) awaitTick();
  };
  const awaitTick = (): void => {
    isTicking = waiting > 0;
    if (!isTicking) return;
    let next = ticked + 1;
    while (bucketOf(next).length === 0) next += 1;
    setTimeout(tick, Math.max(1, Math.ceil(next * tickMs - performance.now())));
  };
  /** Those that are due go in several small portions a flush, so that nothing waits behind all of them. */
  const tick = (): void => {
    const now = tickAt(performance.now());
    for (let at = Math.max(ticked, now - bucketCount) + 1; at <= now; at += 1) {
      const bucket = bucketOf(at);
      waiting -= bucket.length;
      for (const outbox of bucket) if (outbox.state === 'waiting' && outbox.dueTick <= at) makeDue(outbox);
      bucket.length = 0;
    }
    ticked = now;
    send();
    awaitTick();
  };
  /** Decides when the entries that are not under way go. */
  const schedule = (outbox: Outbox): void => {
    const { state, window, acked, urgent, draft } = outbox;
    if (state === 'away' || state === 'due' || outbox.failure !== undefined) return;
    const count = window.end - acked;
    if (count === 0) return;
    if (urgent > acked || count >= options.flushEvents || draft.length >= options.flushBytes) sendSoon(outbox);
    else if (state === 'idle') sendLater(outbox);
  };

  const send = (): void => {
    const all = due;
    due = [];
    for (let from = 0; from < all.length; from += options.maxRunsPerCommand)
      sendTogether(all.slice(from, from + options.maxRunsPerCommand));
  };
  const sendTogether = (chosen: readonly Outbox[]): void => {
    const now = performance.now();
    const sent: Outbox[] = [];
    const text: string[] = [];
    for (const outbox of chosen) {
      if (outbox.failure !== undefined) continue;
      const draft = nextBatch(outbox);
      const renews = now - outbox.touchedAt > options.openTtlMs / 10;
      if (renews) outbox.touchedAt = now;
      sent.push(outbox);
      text.push(outbox.head, draft.id, ' ', outbox.ackedOffset, renews ? ' !' : ' ', draft.text, '\n');
      outbox.state = 'away';
      outbox.owedSince ??= now;
      outbox.inFlight = draft.count;
      outbox.sentOffset = draft.id;
      draft.restart(outbox.acked + outbox.inFlight);
    }
    if (sent.length === 0) return;
    options.append(keys, [...settings, text.join('')]).then(
      (reply) => settleAll(sent, reply as (number | string)[]),
      (error) => sendAgain(sent, error),
    );
  };

  const settleAll = (sent: readonly Outbox[], replies: readonly (number | string)[]): void => {
    const now = performance.now();
    failingSince = undefined;
    let at = 0;
    for (let index = 0; index < sent.length; index += 1) {
      const outbox = sent[index] as Outbox;
      const isDone = at >= replies.length || Number(replies[at]) !== index;
      if (outbox.failure === undefined) {
        if (isDone) confirm(outbox, now);
        else refuse(outbox, Number(replies[at + 1]), String(replies[at + 2]), now);
      }
      if (!isDone) at += 3;
    }
  };
  const sendAgain = (sent: readonly Outbox[], error: unknown): void => {
    const now = performance.now();
    lastError = error;
    failingSince ??= now;
    // As long again as it has failed so far: each pause is twice the one before.
    const retryMs = Math.min(Math.max(now - failingSince, firstRetryMs), slowestRetryMs);
    setTimeout(() => {
      for (const outbox of sent) {
        outbox.touchedAt = Number.NEGATIVE_INFINITY;
        if (outbox.failure === undefined) sendSoon(outbox);
      }
    }, retryMs);
  };

  const confirm = (outbox: Outbox, now: number): void => {
    outbox.state = 'idle';
    outbox.acked += outbox.inFlight;
    outbox.ackedOffset = outbox.sentOffset;
    outbox.owedSince = undefined;
    while (outbox.waiters.length > 0 && (outbox.waiters[0] as Waiter).index <= outbox.acked)
      outbox.waiters.shift()?.resolve();
    schedule(outbox);
    options.onAcked(outbox, now);
  };
  const refuse = (outbox: Outbox, reply: number, tail: string, now: number): void => {
    const { window } = outbox;
    const runId = outbox.run.id;
    if (reply === appendReply.done) {
      confirm(outbox, now);
    } else if (reply === appendReply.behind && window.covers(tail)) {
      outbox.acked = tail === '' ? window.first : window.firstAfter(tail);
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
  const abandon = (outbox: Outbox, error: ChatKitError): void => {
    outbox.failure = error;
    outbox.owedSince = undefined;
    for (const waiter of outbox.waiters.splice(0)) waiter.reject(error);
  };
  const fail = (outbox: Outbox, error: ChatKitError, why: OutboxFailure): void => {
    abandon(outbox, error);
    options.onFailed(outbox, why);
  };

  return {
    push(outbox, entry, place, size, now) {
      const { window } = outbox;
      outbox.draft.add(window.end, entry, place);
      window.push(entry, place, size);
      if (now) outbox.urgent = window.end;
      schedule(outbox);
    },
    confirmed: (outbox) =>
      outbox.failure !== undefined
        ? Promise.reject(outbox.failure)
        : isConfirmed(outbox)
          ? Promise.resolve()
          : new Promise((resolve, reject) => outbox.waiters.push({ index: outbox.window.end, resolve, reject })),
    abandon,
    checkDebt(outbox, now) {
      if (outbox.owedSince !== undefined && now - outbox.owedSince > options.unreachableMs)
        fail(outbox, unreachable(outbox.run.id, lastError), 'unreachable');
    },
  };
};

/** The draft, written anew where it does not begin with what comes next: after a failure, an epoch's end or a full batch. */
const nextBatch = ({ draft, acked, window }: Outbox): Draft => {
  if (draft.from === acked && draft.count > 0) return draft;
  draft.restart(acked);
  for (let index = acked; index < window.end && draft.count === index - acked; index += 1) {
    const entry = window.at(index) as LogEntry;
    draft.add(index, entry, parseOffset(entry.offset) ?? nowhere);
  }
  return draft;
};
