/**
 * Ends the runs of machines that died. Whoever reaps a run owns it under the next epoch: it tells the readers, takes
 * back what was begun and not finished (it was never stored, and the dead machine's user is not known here), appends
 * the terminal entry and frees the thread. Entries of the dead owner that come later are fenced off by their epoch.
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
} from '@chatkit/core';
import type { Settings } from './settings.ts';

/** Looks for dead runs twice per lease, until the returned function is called. */
export const startReaper = (lease: RunLease, log: StreamLog, settings: Settings): (() => void) => {
  if (!Number.isFinite(lease.ttlMs)) return () => {};
  const { clock, onError } = settings;
  let timer: unknown;
  let ended = false;
  const look = async () => {
    try {
      for (const record of await lease.reap()) {
        await closeOrphan(lease, log, record).catch((error) => onError(error, { runId: record.runId }));
      }
    } catch (error) {
      onError(error, {});
    }
    if (!ended) schedule();
  };
  const schedule = () => {
    timer = clock.setTimeout(() => void look(), lease.ttlMs / 2);
  };
  schedule();
  return () => {
    ended = true;
    clock.clearTimeout(timer);
  };
};

const closeOrphan = async (lease: RunLease, log: StreamLog, record: RunRecord): Promise<void> => {
  const { runId, epoch } = record;
  let seq = 0;
  const offset = () => formatOffset(epoch, ++seq);
  await log.create(runId);
  const mark = offset();
  await log.append(runId, [{ offset: mark, event: { type: 'error', code: 'run.interrupted', allow_retry: true } }]);
  const open = selectOpenItems(await stateUpTo(log, runId, mark));
  const entries: LogEntry[] = open.map(({ id }) => ({
    offset: offset(),
    event: { type: 'thread.item.removed', item_id: id },
  }));
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
