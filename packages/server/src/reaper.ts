/**
 * Ends the runs of machines that died. Whoever reaps a run owns it under the next epoch: it tells the readers, has what was
 * begun and not finished kept (`salvage.ts`) or takes it back, appends the terminal entry and frees the thread. Entries of
 * the dead owner that come later are fenced off by their epoch.
 */
import {
  emptyThreadState,
  formatOffset,
  isChatKitError,
  type LogEntry,
  type RunLease,
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
  /** Keeps what was begun. Absent, or where it fails: it is taken back, as it was never stored. */
  salvage: Salvage | undefined;
}

/**
 * Looks for dead runs until the returned function is called: at once, because what ran here before may have been killed, and then twice
 * per lease or as often as the lease says.
 */
export const startReaper = (options: ReaperOptions): (() => void) => {
  const { lease, settings } = options;
  if (!Number.isFinite(lease.ttlMs)) return () => {};
  const { clock, onError } = settings;
  const { reapMs = lease.ttlMs / 2 } = lease;
  let timer: unknown;
  let ended = false;
  const look = async () => {
    try {
      for (const record of await lease.reap()) {
        await closeOrphan(options, record).catch((error) => onError(error, { runId: record.runId }));
      }
    } catch (error) {
      onError(error, {});
    }
    if (!ended) schedule(reapMs);
  };
  const schedule = (ms: number) => {
    timer = clock.setTimeout(() => void look(), ms);
  };
  schedule(0);
  return () => {
    ended = true;
    clock.clearTimeout(timer);
  };
};

const closeOrphan = async ({ lease, log, settings, salvage }: ReaperOptions, record: RunRecord): Promise<void> => {
  const { runId, epoch } = record;
  let seq = 0;
  const offset = () => formatOffset(epoch, ++seq);
  await log.create(runId);
  const mark = offset();
  await log.append(runId, [{ offset: mark, event: { type: 'error', code: 'run.interrupted', allow_retry: true } }]);
  const told = await stateUpTo(log, runId, mark);
  const events: ThreadStreamEvent[] = [];
  try {
    events.push(...((await salvage?.(record, told)) ?? []));
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

/** What readers of a run have been told up to an entry. */
const stateUpTo = async (log: StreamLog, runId: string, mark: string): Promise<ThreadState> => {
  let state = emptyThreadState;
  try {
    for await (const entry of log.read(runId)) {
      if ('end' in entry || entry.offset === mark) return state;
      state = reduceThread(state, entry.event);
    }
  } catch (error) {
    // The beginning is gone; so is, for every reader, the chance to hold what it began.
    if (!isChatKitError(error, 'log.expired')) throw error;
  }
  return state;
};
