/** Helpers that the parts of the log kit share. */
import { createId, formatOffset, type LogEntry, type ReadOptions, type StreamLog } from '@chatkit/core';

export interface LogKit {
  /** The log under test; available from the first test on. */
  log(): StreamLog;
  /** A log that keeps only the last few kilobytes of a run, when there is one. */
  smallLog: (() => StreamLog | Promise<StreamLog>) | undefined;
  /** How many random interleavings are tried. */
  runs: number;
}

/** The id of a run that nobody has created yet. */
export const freshRun = (): string => createId('run');
export const entryOf = (seq: number, { epoch = 1, text = `event ${seq}` } = {}): LogEntry => ({
  offset: formatOffset(epoch, seq),
  event: { type: 'progress_update', text },
});
export const endOf = (seq: number): LogEntry => ({ offset: formatOffset(1, seq), end: 'completed' });
/** Entries `from` to `to`, both included. */
export const entries = (from: number, to: number): LogEntry[] =>
  Array.from({ length: to - from + 1 }, (_, index) => entryOf(from + index));
export const offsetsOf = (list: readonly LogEntry[]): string[] => list.map((each) => each.offset);

export const readAll = async (log: StreamLog, run: string, options?: ReadOptions): Promise<LogEntry[]> => {
  const all: LogEntry[] = [];
  for await (const entry of log.read(run, options)) all.push(entry);
  return all;
};
/** The first `n` entries; the reader is closed after them. */
export const readSome = async (log: StreamLog, run: string, n: number, options?: ReadOptions): Promise<LogEntry[]> => {
  const some: LogEntry[] = [];
  if (n === 0) return some;
  for await (const entry of log.read(run, options)) {
    some.push(entry);
    if (some.length === n) break;
  }
  return some;
};
/** Whether `promise` is still pending after the event loop has gone round a few times. */
export const isPending = async (promise: Promise<unknown>): Promise<boolean> => {
  const pending = Symbol('pending');
  const turns = async () => {
    for (let turn = 0; turn < 5; turn += 1) await new Promise<void>((resolve) => setTimeout(resolve, 2));
    return pending;
  };
  const first = await Promise.race([promise.catch(() => {}), turns()]);
  return first === pending;
};
