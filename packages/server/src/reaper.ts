/**
 * Ends the runs of machines that died. Whoever reaps a run owns it under the next epoch: it tells the readers, has what
 * was begun and not finished kept (`salvage.ts`) or takes it back, appends the terminal entry and frees the thread.
 * Entries of the dead owner that come later are fenced off by their epoch.
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
  selectOpenItems,
  type ThreadState,
  type ThreadStreamEvent,
} from '@chatkit/core';
import type { Salvage } from './salvage.ts';
import type { Settings } from './settings.ts';

export interface ReaperOptions {
  lease: RunLease;
  log: StreamLog;
  settings: Settings;
  /** Keeps what was begun. Where it fails: it is taken back, as it was never stored. */
  salvage: Salvage;
}

export interface Reaper {
  /** A run ends here; should its thread not be freed, its lease will run out. */
  attend(): void;
  /** Looks no more. */
  end(): void;
}

/**
 * Looks for dead runs: at once, because what ran here before may have been killed, and then twice per lease or as often
 * as the lease says; each time until there are none. Where only this process can leave any (`reapMs: Infinity`), for
 * two leases after a run of it has ended, so that no timer keeps an idle one in memory.
 */
export const startReaper = (options: ReaperOptions): Reaper => {
  const { lease, settings } = options;
  const { ttlMs, reapMs = ttlMs / 2 } = lease;
  if (!Number.isFinite(ttlMs)) return { attend() {}, end() {} };
  const { clock, onError } = settings;
  let state: 'resting' | 'waiting' | 'looking' | 'ended' = 'resting';
  let timer: unknown;
  let attendedUntil = Number.NEGATIVE_INFINITY;

  const attend = (): void => {
    attendedUntil = clock.now() + 2 * ttlMs;
    if (state === 'resting') wait(ttlMs / 2);
  };
  const look = async () => {
    state = 'looking';
    try {
      let found: readonly RunRecord[];
      do {
        found = await lease.reap();
        for (const record of found) {
          attend();
          await closeOrphan(options, record).catch((error) => onError(error, { runId: record.runId }));
        }
        // A lease gives a portion at a time, so that its holder can close them before it runs out.
      } while (found.length > 0 && state === 'looking');
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
    end() {
      state = 'ended';
      clock.clearTimeout(timer);
    },
  };
};

/** With words, because no client of the reference knows the code. */
const interrupted: ThreadStreamEvent = {
  type: 'error',
  code: 'run.interrupted',
  message: 'The answer was interrupted.',
  allow_retry: true,
};

const closeOrphan = async ({ lease, log, settings, salvage }: ReaperOptions, record: RunRecord): Promise<void> => {
  const { runId, epoch } = record;
  let seq = 0;
  const offset = () => formatOffset(epoch, ++seq);
  await log.create(runId);
  const mark = offset();
  const isOpen = await appended(log, runId, { offset: mark, event: interrupted });
  const { state: told, outcome } = await toldUpTo(log, runId, mark);
  // It died between its last word and the release of its thread.
  if (outcome !== undefined || !isOpen) return lease.release(record, outcome ?? 'interrupted');
  const events: ThreadStreamEvent[] = [];
  try {
    events.push(...(await salvage(record, told)));
  } catch (error) {
    settings.onError(error, { runId, threadId: record.threadId });
  }
  for (const { id } of selectOpenItems(events.reduce(reduceThread, told)))
    events.push({ type: 'thread.item.removed', item_id: id });
  const entries: LogEntry[] = events.map((event) => ({ offset: offset(), event }));
  entries.push({ offset: offset(), end: 'interrupted' });
  await log.append(runId, entries);
  await lease.release(record, 'interrupted');
};

/** Whether the log took the entry, because the run had not ended. */
const appended = async (log: StreamLog, runId: string, entry: LogEntry): Promise<boolean> => {
  try {
    await log.append(runId, [entry]);
    return true;
  } catch (error) {
    if (isChatKitError(error, 'log.closed')) return false;
    throw error;
  }
};

/** What readers of a run have been told up to an entry, and how it ended if that comes before. */
const toldUpTo = async (
  log: StreamLog,
  runId: string,
  mark: string,
): Promise<{ state: ThreadState; outcome?: RunOutcome }> => {
  let state = emptyThreadState;
  try {
    for await (const entry of log.read(runId)) {
      if ('end' in entry) return { state, outcome: entry.end };
      if (entry.offset === mark) return { state };
      state = reduceThread(state, entry.event);
    }
  } catch (error) {
    // The beginning is gone; so is, for every reader, the chance to hold what it began.
    if (!isChatKitError(error, 'log.expired')) throw error;
  }
  return { state };
};
