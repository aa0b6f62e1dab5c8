/** Logs that break one MUST each. The kit has to notice every one of them. */
import {
  ChatKitError,
  compareOffsets,
  type LogEntry,
  type ReadOptions,
  type RowLane,
  rowLaneOf,
  type StreamLog,
  textRows,
} from '@chatkit/core';
import { createMemoryLog } from '@chatkit/store/memory';

type MakeLog = () => StreamLog;
const sound: MakeLog = () => createMemoryLog();
const mutant = (change: (log: StreamLog) => Partial<StreamLog>): MakeLog => {
  return () => {
    const log = sound();
    return { ...log, ...change(log) };
  };
};
/** The entries of `log`, changed on their way to the reader. */
const reading = (map: (entries: AsyncIterable<LogEntry>, options: ReadOptions) => AsyncGenerator<LogEntry>) =>
  mutant((log) => ({ read: (run, options = {}) => map(log.read(run, options), options) }));

/** The sound log with another lane for rows. */
const laned = (change: (lane: RowLane) => Partial<RowLane>): MakeLog => {
  return () => {
    const log = sound();
    const lane = rowLaneOf(log) as RowLane;
    const own: StreamLog = { ...log };
    return Object.assign(own, { [textRows]: { ...lane, ...change(lane), log: own } });
  };
};

/** The obvious log: an array per run, readers that poll it. `fault` switches one rule off. */
const naive = (fault: 'repeats' | 'open' | 'text order' | 'deaf' | 'forgets quietly'): MakeLog => {
  return () => {
    const runs = new Map<string, LogEntry[]>();
    const known = (run: string): LogEntry[] => {
      const entries = runs.get(run);
      if (entries === undefined) throw new ChatKitError('run.not_found', 'unknown');
      return entries;
    };
    const isAfter = (a: string, b: string) => (fault === 'text order' ? a > b : compareOffsets(a, b) > 0);
    return {
      async create(run) {
        if (!runs.has(run)) runs.set(run, []);
      },
      async append(run, given) {
        const entries = known(run);
        for (const entry of given) {
          const last = entries.at(-1);
          if (fault !== 'repeats' && last !== undefined && !isAfter(entry.offset, last.offset)) continue;
          if (fault !== 'open' && last !== undefined && 'end' in last) throw new ChatKitError('log.closed', 'closed');
          entries.push(entry);
        }
      },
      async *read(run, { after, signal } = {}) {
        let entries = known(run);
        for (let index = 0; ; ) {
          if (fault !== 'deaf') signal?.throwIfAborted();
          const entry = entries[index];
          if (entry === undefined) {
            await new Promise((resolve) => setTimeout(resolve, 1));
            if (!runs.has(run)) {
              if (fault === 'forgets quietly') return;
              throw new ChatKitError('log.expired', 'gone');
            }
            entries = known(run);
            continue;
          }
          index += 1;
          if (after !== undefined && !isAfter(entry.offset, after)) continue;
          yield entry;
          if ('end' in entry) return;
        }
      },
      async delete(run) {
        runs.delete(run);
      },
    };
  };
};

/** Each with a part of the name of a test that has to fail. */
export const logMutants: Record<string, { make: MakeLog; fails: string; hasRows?: boolean }> = {
  'repeats what is appended twice': { make: naive('repeats'), fails: 'takes the append of what it holds as done' },
  'stays open after the end': { make: naive('open'), fails: 'refuses an append after the terminal entry' },
  'refuses a whole append for its last entry': {
    make: mutant((log) => ({
      append(run, entries) {
        if (entries.slice(0, -1).some((entry) => 'end' in entry)) throw new ChatKitError('log.closed', 'closed');
        return log.append(run, entries);
      },
    })),
    fails: 'gives a reader that waits what came before',
  },
  'orders offsets as text': { make: naive('text order'), fails: 'orders offsets by number' },
  'does not hear its signal': { make: naive('deaf'), fails: 'rejects with the reason of its signal' },
  'ends readers of a deleted run quietly': { make: naive('forgets quietly'), fails: 'tells readers of a deleted run' },
  'waits out a pending next() before return()': {
    make: reading(async function* (entries) {
      for await (const entry of entries) yield entry;
    }),
    fails: 'settles a next() that is pending',
  },
  'subscribes after the replay, with a gap between': {
    make: () => {
      const log = sound();
      const appended = new Map<string, LogEntry[]>();
      return {
        ...log,
        append(run, entries) {
          const done = log.append(run, entries);
          appended.set(run, [...(appended.get(run) ?? []), ...entries]);
          return done;
        },
        async *read(run, { after, signal } = {}) {
          const replay = [...(appended.get(run) ?? [])].filter(
            (entry, index, all) =>
              all.findIndex((each) => each.offset === entry.offset) === index &&
              (after === undefined || compareOffsets(entry.offset, after) > 0),
          );
          for (const entry of replay) {
            yield entry;
            if ('end' in entry) return;
          }
          yield* log.read(run, { after: appended.get(run)?.at(-1)?.offset ?? after, signal });
        },
      };
    },
    fails: 'leaves no gap and repeats nothing',
  },
  'keeps its listener': {
    make: reading(async function* (entries, { signal }) {
      signal?.addEventListener('abort', () => {});
      yield* entries;
    }),
    fails: 'leaves no listener on its signal',
  },
  'never ends': {
    make: reading(async function* (entries) {
      yield* entries;
      await new Promise(() => {});
    }),
    fails: 'gives every entry, in order',
  },
  'invents runs': {
    make: mutant((log) => ({
      async append(run, entries) {
        await log.create(run);
        await log.append(run, entries);
      },
    })),
    fails: 'says run.not_found',
  },
  'mixes up runs': {
    make: mutant((log) => ({
      create: () => log.create('the run'),
      append: (_, entries) => log.append('the run', entries),
      read: (_, options) => log.read('the run', options),
    })),
    fails: 'keeps a run apart',
  },
  'lets the slowest reader hold up all others': {
    make: () => {
      const log = sound();
      const counts = new Map<string, number[]>();
      return {
        ...log,
        async append(run, entries) {
          await log.append(run, entries);
          const taken = counts.get(run) ?? [];
          const before = Math.max(0, ...taken) - 10;
          while (taken.some((count) => count < before)) await new Promise((resolve) => setTimeout(resolve, 1));
        },
        async *read(run, options) {
          const taken = counts.get(run) ?? [];
          counts.set(run, taken);
          const index = taken.push(0) - 1;
          try {
            for await (const entry of log.read(run, options)) {
              taken[index] = (taken[index] as number) + 1;
              yield entry;
            }
          } finally {
            taken[index] = Number.POSITIVE_INFINITY;
          }
        },
      };
    },
    fails: 'gives a reader everything while others have stopped reading',
  },
  'forgets the producer of a deleted run': {
    make: mutant((log) => {
      const deleted = new Set<string>();
      return {
        append: (run, entries) =>
          log.append(run, entries)?.then(() => (deleted.has(run) ? new Promise(() => {}) : undefined)),
        delete(run) {
          deleted.add(run);
          return log.delete(run);
        },
      };
    }),
    fails: 'does not keep the producer waiting in a run that is deleted',
  },
  'drops rows that it has in part': {
    hasRows: true,
    make: laned((lane) => {
      const lengths = new Map<string, number>();
      return {
        writer: (run) => ({
          append(row) {
            if (row.seq <= (lengths.get(run) ?? 0)) return undefined;
            lengths.set(run, row.seq + row.deltas.length - 1);
            return lane.writer(run).append(row);
          },
        }),
      };
    }),
    fails: 'takes of a row that it has in part',
  },
  'gives rows from the start': {
    hasRows: true,
    make: laned((lane) => ({ read: (run, { signal } = {}) => lane.read(run, { signal }) })),
    fails: 'gives what came by one way by the other',
  },
  'takes rows into the void': {
    hasRows: true,
    make: laned((lane) => ({
      writer: (run) => ({
        append(row) {
          try {
            return lane.writer(run).append(row);
          } catch {
            return undefined;
          }
        },
      }),
    })),
    fails: 'keeps the rules of append and read',
  },
  'takes a run for the one that was deleted': {
    hasRows: true,
    make: laned((lane) => ({
      writer(run) {
        const writer = lane.writer(run);
        let last = 0;
        return {
          append(row) {
            if (row.seq <= last) return undefined;
            const room = writer.append(row);
            last = row.seq;
            return room;
          },
        };
      },
    })),
    fails: 'writes with one writer to whatever run has its id',
  },
  'lends its lane to what wraps it': {
    hasRows: true,
    make: () => {
      const log = sound();
      const lane = rowLaneOf(log) as RowLane;
      return {
        ...log,
        get [textRows]() {
          return { ...lane, log: this };
        },
      };
    },
    fails: 'has no lane once it is wrapped',
  },
  'has a lane and does not say so': {
    make: sound,
    fails: 'has no lane for rows',
  },
};
export const soundLog = sound;
