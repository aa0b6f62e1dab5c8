/**
 * Verbs 2 and 3 of the path of a token, in one process: a bounded ring of entries per run, and readers that replay it
 * and then tail it. The ring *is* the log: a reader never gets anything that is not in it.
 */
import { ChatKitError, compareOffsets, type LogEntry, type StreamLog } from '@chatkit/core';
import { entrySize } from '../shared/event-size.ts';
import { createTailReader, type TailSource } from '../shared/tail-reader.ts';

export interface MemoryLogOptions {
  /**
   * What one run keeps, in bytes (about the length of the events' JSON). Past it the oldest entries go, and a reader that
   * still needs them is told `log.expired`. Default 8 MiB. At least the last entry is kept.
   */
  maxBytesPerRun?: number | undefined;
  /**
   * How far the slowest attached reader may lag before `append` returns a promise, in bytes; it resolves when that reader
   * is down to half of it, or has gone. Default 256 KiB, at most half of `maxBytesPerRun`.
   */
  maxLagBytes?: number | undefined;
  /** What all runs keep together; past it the finished runs that were used longest ago go. Default 64 MiB. */
  maxBytes?: number | undefined;
  /** How many finished runs are kept, by the same rule. Default 1,000. */
  maxFinishedRuns?: number | undefined;
  /** Told about each finished run that goes. */
  onEvict?: ((runId: string) => void) | undefined;
}

/** An attached reader: the absolute index of the entry it gets next. */
interface Tail {
  position: number;
  wake(): void;
}

interface Run {
  readonly id: string;
  readonly entries: LogEntry[];
  /** For each entry: bytes ever appended to the run, up to and with it. An array of numbers costs a tenth of objects. */
  readonly ends: number[];
  /** Index in `entries` of the oldest one that is kept. */
  head: number;
  /** The absolute index of `entries[0]`. */
  base: number;
  /** Bytes ever appended, and bytes dropped again. */
  total: number;
  dropped: number;
  /** The last offset that is no longer held. */
  lastDropped: string | undefined;
  state: 'open' | 'ended' | 'forgotten';
  readonly tails: Set<Tail>;
  room: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;
}

/**
 * A log in memory. A run keeps its entries until it is deleted or, once it has ended, until others need the room. Entries
 * are kept by reference: append what nobody changes afterwards.
 *
 * Readers are lazy and one-shot: `read()` attaches at the first `next()`, holds one listener on its signal, and lets go
 * on every ending. `return()` settles a `next()` that is pending.
 *
 * @example
 * const log = createMemoryLog({ maxBytes: 256 * 1024 * 1024 });
 */
export const createMemoryLog = (options: MemoryLogOptions = {}): StreamLog => {
  const maxBytesPerRun = options.maxBytesPerRun ?? 8 * 1024 * 1024;
  const maxLagBytes = Math.min(options.maxLagBytes ?? 256 * 1024, maxBytesPerRun / 2);
  const maxBytes = options.maxBytes ?? 64 * 1024 * 1024;
  const maxFinishedRuns = options.maxFinishedRuns ?? 1000;
  const runs = new Map<string, Run>();
  /** Runs that have ended and that nobody reads, least recently used first. */
  const idle = new Map<string, Run>();
  let bytes = 0;

  const known = (runId: string): Run => {
    const run = runs.get(runId);
    if (run === undefined)
      throw new ChatKitError('run.not_found', `There is no run with the id ${JSON.stringify(runId)}.`, {
        details: { id: runId },
      });
    return run;
  };
  const forget = (run: Run): void => {
    runs.delete(run.id);
    idle.delete(run.id);
    bytes -= run.total - run.dropped;
    run.state = 'forgotten';
    wakeAll(run);
    releaseRoom(run);
  };
  /** Puts a run that has ended and has no readers behind all others of that kind, and drops the first ones. */
  const rest = (run: Run): void => {
    if (run.state === 'ended' && run.tails.size === 0) {
      idle.delete(run.id);
      idle.set(run.id, run);
    }
    if (idle.size <= maxFinishedRuns && bytes <= maxBytes) return;
    for (const oldest of idle.values()) {
      if (idle.size <= maxFinishedRuns && bytes <= maxBytes) return;
      forget(oldest);
      options.onEvict?.(oldest.id);
    }
  };
  const dropOldest = (run: Run): void => {
    while (run.total - run.dropped > maxBytesPerRun && run.head < run.entries.length - 1) {
      const end = run.ends[run.head] as number;
      bytes -= end - run.dropped;
      run.dropped = end;
      run.lastDropped = run.entries[run.head]?.offset;
      run.head += 1;
    }
    // Half of the array is dead: moving the rest costs no more than appending the dead half did.
    if (run.head > 32 && run.head * 2 > run.entries.length) {
      run.entries.splice(0, run.head);
      run.ends.splice(0, run.head);
      run.base += run.head;
      run.head = 0;
    }
  };

  return {
    async create(runId) {
      if (!runs.has(runId)) runs.set(runId, emptyRun(runId));
    },

    append(runId, entries) {
      const run = known(runId);
      for (const entry of unheld(run, entries)) {
        const size = entrySize(entry);
        run.total += size;
        bytes += size;
        run.entries.push(entry);
        run.ends.push(run.total);
        if ('end' in entry) run.state = 'ended';
      }
      dropOldest(run);
      wakeAll(run);
      rest(run);
      if (run.state !== 'open' || widestLag(run) <= maxLagBytes) {
        releaseRoom(run);
        return undefined;
      }
      run.room ??= createRoom();
      return run.room.promise;
    },

    read(runId, { after, signal } = {}) {
      let run: Run | undefined;
      /** Whether `after` lies beyond the last entry: what comes up to it is passed over. */
      let ahead = false;
      const settleRoom = (of: Run): void => {
        if (of.room !== undefined && widestLag(of) <= maxLagBytes / 2) releaseRoom(of);
      };
      const tail: Tail = { position: 0, wake: () => reader.wake() };
      const source: TailSource<LogEntry> = {
        attach() {
          run = known(runId);
          if (run.lastDropped !== undefined && (after === undefined || compareOffsets(after, run.lastDropped) < 0))
            throw expired(run);
          const first = after === undefined ? run.head : firstAfter(run, after);
          ahead = after !== undefined && first === run.entries.length;
          tail.position = run.base + first;
          run.tails.add(tail);
          idle.delete(run.id);
        },
        poll() {
          const of = run as Run;
          for (;;) {
            const index = tail.position - of.base;
            if (of.state === 'forgotten' || index < of.head) throw expired(of);
            const entry = of.entries[index];
            if (entry === undefined) return of.state === 'ended' ? 'end' : 'wait';
            tail.position += 1;
            if (of.room !== undefined) settleRoom(of);
            if (ahead && compareOffsets(entry.offset, after as string) <= 0) continue;
            ahead = false;
            return { value: entry, size: (of.ends[index] as number) - endBefore(of, index) };
          }
        },
        detach() {
          const of = run as Run;
          of.tails.delete(tail);
          settleRoom(of);
          rest(of);
        },
      };
      const reader = createTailReader(source, signal);
      return reader.iterator;
    },

    async delete(runId) {
      const run = runs.get(runId);
      if (run !== undefined) forget(run);
    },
  };
};

const emptyRun = (id: string): Run => ({
  id,
  entries: [],
  ends: [],
  head: 0,
  base: 0,
  total: 0,
  dropped: 0,
  lastDropped: undefined,
  state: 'open',
  tails: new Set(),
  room: undefined,
});

const expired = (run: Run): ChatKitError =>
  new ChatKitError('log.expired', `The run ${JSON.stringify(run.id)} no longer holds what this reader needs.`, {
    details: { id: run.id },
  });

/** The entries that the run does not hold yet. Offsets grow, so what is not above the last one has been here already. */
const unheld = (run: Run, entries: readonly LogEntry[]): readonly LogEntry[] => {
  let last = run.entries.at(-1);
  const fresh: LogEntry[] = [];
  for (const entry of entries) {
    if (last !== undefined && compareOffsets(entry.offset, last.offset) <= 0) continue;
    if (last !== undefined && 'end' in last)
      throw new ChatKitError('log.closed', `The run ${JSON.stringify(run.id)} has ended; nothing can follow.`, {
        details: { id: run.id, offset: entry.offset },
      });
    fresh.push(entry);
    last = entry;
  }
  return fresh;
};

/** Index in `entries` of the first entry whose offset is above `after`. */
const firstAfter = ({ entries, head }: Run, after: string): number => {
  let low = head;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareOffsets((entries[middle] as LogEntry).offset, after) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
};

/** Bytes ever appended before the entry at `index`. */
const endBefore = ({ ends, head, dropped }: Run, index: number): number =>
  index <= head ? dropped : (ends[index - 1] as number);

/** Bytes that the slowest reader has not taken yet; 0 without readers. */
const widestLag = (run: Run): number => {
  if (run.tails.size === 0) return 0;
  let slowest = Number.POSITIVE_INFINITY;
  for (const tail of run.tails) slowest = Math.min(slowest, tail.position);
  const index = slowest - run.base;
  return run.total - endBefore(run, index);
};

const wakeAll = (run: Run): void => {
  for (const tail of run.tails) tail.wake();
};

const createRoom = (): NonNullable<Run['room']> => {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
};

const releaseRoom = (run: Run): void => {
  run.room?.resolve();
  run.room = undefined;
};
