/**
 * Ends the runs of machines that died. The machine that reaps a run owns it under the next epoch: it appends an `error`
 * event, has unfinished items kept (`salvage.ts`) or removed, appends the terminal entry and frees the thread. Entries
 * that the dead owner still sends are fenced off by their epoch.
 */
import {
  emptyThreadState,
  formatOffset,
  isChatKitError,
  type LogEntry,
  type RunLease,
  type RunOutcome,
  type RunRecord,
  reduceThread,
  type StreamLog,
  selectItem,
  selectOpenItems,
  type ThreadItemUpdatedEvent,
  type ThreadStreamEvent,
} from '@chatkit/core';
import { settlesWithin } from './clock.ts';
import { interruptedEvent } from './interrupted-event.ts';
import type { Salvage, Sent } from './salvage.ts';
import type { Settings } from './settings.ts';

export interface ReaperOptions {
  lease: RunLease;
  log: StreamLog;
  settings: Settings;
  /**
   * Keeps unfinished items, and updates of finished ones. Unfinished items that it does not keep are removed, because
   * they were never stored.
   */
  salvage: Salvage;
}

export interface Reaper {
  /** Called when a run of this process ends: should freeing its thread have failed, its lease will run out. */
  attend(): void;
  /** Stops looking. Resolves when the runs that it is closing are over. */
  end(): Promise<void>;
}

/**
 * Looks for dead runs, each time until there are none: at once, because an earlier process here may have been killed,
 * and then twice per lease or as often as the lease says (`reapMs`). With `reapMs: Infinity` only this process can
 * leave dead runs, so it looks only until two leases after the end of its last run: no timer keeps an idle process in
 * memory.
 */
export const startReaper = (options: ReaperOptions): Reaper => {
  const { lease, settings } = options;
  const { ttlMs, reapMs = ttlMs / 2 } = lease;
  if (!Number.isFinite(ttlMs)) return { attend() {}, async end() {} };
  const { clock, onError } = settings;
  let state: 'resting' | 'waiting' | 'looking' | 'ended' = 'resting';
  let timer: unknown;
  let closing: Promise<unknown> | undefined;
  let attendedUntil = Number.NEGATIVE_INFINITY;

  const attend = (): void => {
    attendedUntil = clock.now() + 2 * ttlMs;
    if (state === 'resting') wait(ttlMs / 2);
  };
  const look = async () => {
    state = 'looking';
    try {
      // A lease hands out a limited number at a time, so that they can be closed before the lease runs out again.
      while (state === 'looking') {
        const found = await lease.reap();
        // What is found by a server that has been closed meanwhile is found again when its lease has run out.
        if (found.length === 0 || state !== 'looking') break;
        const next = found.values();
        const closeNext = async (): Promise<void> => {
          for (const record of next) {
            attend();
            const closed = closeOrphan(options, record).catch((error) => onError(error, { runId: record.runId }));
            // After that its lease has run out, and the next look, here or elsewhere, takes it again.
            await settlesWithin(closed, ttlMs, clock);
          }
        };
        closing = Promise.all(Array.from({ length: closedAtOnce }, closeNext));
        await closing;
      }
    } catch (error) {
      attend();
      onError(error, {});
    }
    if (state === 'looking') rest();
  };
  const rest = (): void => {
    state = 'resting';
    if (Number.isFinite(reapMs)) wait(reapMs);
    else if (clock.now() < attendedUntil) wait(ttlMs / 2);
  };
  const wait = (ms: number): void => {
    state = 'waiting';
    timer = clock.setTimeout(() => void look(), ms);
  };
  wait(0);
  return {
    attend,
    async end() {
      state = 'ended';
      clock.clearTimeout(timer);
      await closing;
    },
  };
};

/**
 * How many runs are closed at the same time. Their readers are waiting, and closing one takes about ten trips to the
 * databases. A higher number would leave no connection of a pool to the runs that are alive. Closings share no state: a
 * thread has only one run.
 */
const closedAtOnce = 8;

const closeOrphan = async ({ lease, log, settings, salvage }: ReaperOptions, record: RunRecord): Promise<void> => {
  const { runId, epoch } = record;
  let seq = 0;
  const offset = () => formatOffset(epoch, ++seq);
  await log.create(runId);
  const mark = offset();
  const isOpen = await appended(log, runId, { offset: mark, event: interruptedEvent });
  const { outcome, ...sent } = await sentUpTo(log, runId, mark);
  // The run had ended: its machine died between the last entry and the release of the thread.
  if (outcome !== undefined || !isOpen) return lease.release(record, outcome ?? 'interrupted');
  const events: ThreadStreamEvent[] = [];
  try {
    events.push(...(await salvage(record, sent)));
  } catch (error) {
    settings.onError(error, { runId, threadId: record.threadId });
  }
  for (const { id } of selectOpenItems(events.reduce(reduceThread, sent.state)))
    events.push({ type: 'thread.item.removed', item_id: id });
  const entries: LogEntry[] = events.map((event) => ({ offset: offset(), event }));
  entries.push({ offset: offset(), end: 'interrupted' });
  await log.append(runId, entries);
  await lease.release(record, 'interrupted');
};

/** Appends an entry. Resolves with whether the log was still open, that is, the run had not ended. */
const appended = async (log: StreamLog, runId: string, entry: LogEntry): Promise<boolean> => {
  try {
    await log.append(runId, [entry]);
    return true;
  } catch (error) {
    if (isChatKitError(error, 'log.closed')) return false;
    throw error;
  }
};

/** Updates, and what the server itself may send between them. */
const besideUpdates: ReadonlySet<string> = new Set<ThreadStreamEvent['type']>([
  'thread.item.updated',
  'thread.item.replaced',
  'thread.updated',
  'error',
]);

/** What readers of a run have been sent before the entry `mark`, and the outcome if the run ended before it. */
const sentUpTo = async (log: StreamLog, runId: string, mark: string): Promise<Sent & { outcome?: RunOutcome }> => {
  let state = emptyThreadState;
  const open = new Set<string>();
  const revised = new Set<string>();
  const earlier = new Map<string, ThreadItemUpdatedEvent[]>();
  const note = (event: ThreadStreamEvent): void => {
    // A run stores the updates that it has sent before it takes any other event of the application.
    if (!besideUpdates.has(event.type)) {
      revised.clear();
      earlier.clear();
    }
    if (event.type === 'thread.item.updated') {
      const { item_id: id } = event;
      // Not asked for each token of an open item: the state would join its text each time.
      if (open.has(id)) return;
      if (selectItem(state, id) !== undefined) revised.add(id);
      else if (earlier.get(id)?.push(event) === undefined) earlier.set(id, [event]);
    } else if ('item' in event) {
      const { id } = event.item;
      if (event.type === 'thread.item.added') open.add(id);
      else open.delete(id);
      // An item of an earlier turn may be sent as it is by now, without having been stored.
      if (earlier.delete(id)) revised.add(id);
    }
  };
  try {
    for await (const entry of log.read(runId)) {
      if ('end' in entry) return { state, revised, earlier, outcome: entry.end };
      if (entry.offset === mark) break;
      note(entry.event);
      state = reduceThread(state, entry.event);
    }
  } catch (error) {
    // The beginning has been trimmed, so no reader can have the items that were begun in it.
    if (!isChatKitError(error, 'log.expired')) throw error;
  }
  return { state, revised, earlier };
};
