/**
 * A reader of a run: first its past, in pages from Redis, then the window that this process has of it. It changes over
 * whenever the window no longer covers its place: it fell behind, or another machine took the run over.
 */
import { compareOffsets, type LogEntry, parseOffset, type ReadOptions } from '@chatkit/core';
import { createTailReader, type TailSource } from '../shared/tail-reader.ts';
import { expiredRun, unknownOffset, unknownRun, unreachable } from './log-errors.ts';
import type { FetchPage } from './log-pages.ts';
import { type LogRun, type Tail, windowOf } from './log-run.ts';

export interface LogReaderOptions {
  /** The run, as this process has it from now on. */
  readonly enter: (runId: string) => LogRun;
  /** Has its entries come in, from `tail` on. */
  readonly follow: (run: LogRun, tail: string) => void;
  readonly fetchPage: FetchPage;
  /** The reader has taken entries. */
  readonly onTaken: (run: LogRun) => void;
  /** The reader has left. */
  readonly onLeft: (run: LogRun) => void;
}

/** How many batches of a run's past are fetched at once. */
const pageBatches = 200;

export const readLog = (
  options: LogReaderOptions,
  runId: string,
  { after, signal }: ReadOptions,
): AsyncIterable<LogEntry> => {
  let run: LogRun;
  let position = after;
  /** What was fetched of the run's past and not given yet. */
  let past: readonly LogEntry[] = [];
  let given = 0;
  let isKnown = false;
  /** Whether `position` may lie beyond what the window has. */
  let isAhead = false;
  let isOver = false;
  let isFetching = false;
  let failure: unknown;

  const fetch = async (): Promise<void> => {
    if (isFetching) return;
    isFetching = true;
    try {
      const answer = await options.fetchPage(runId, position, pageBatches);
      if (answer === 'unknown') failure = isKnown ? expiredRun(runId) : unknownRun(runId);
      else if (answer === 'expired') failure = expiredRun(runId);
      else {
        isKnown = true;
        past = answer.entries;
        given = 0;
        isOver = answer.isWhole && answer.outcome !== '';
        if (answer.isWhole && !isOver && run.tails.includes(tail)) options.follow(run, answer.tail);
      }
    } catch (error) {
      failure = unreachable(runId, error);
    }
    isFetching = false;
    reader.wake();
  };
  const isNew = (entry: LogEntry): boolean => position === undefined || compareOffsets(entry.offset, position) > 0;
  const give = (entry: LogEntry): LogEntry => {
    position = entry.offset;
    if ('end' in entry) isOver = true;
    return entry;
  };
  const source: TailSource<LogEntry> = {
    attach() {
      if (after !== undefined && parseOffset(after) === undefined) throw unknownOffset(after);
      run = options.enter(runId);
      isKnown = run.isLocal;
      run.tails.push(tail);
    },
    poll() {
      for (;;) {
        if (isFetching) return 'wait';
        const error = failure ?? run.failure;
        if (error !== undefined) throw error;
        const fetched = past[given];
        if (fetched !== undefined) {
          given += 1;
          if (isNew(fetched)) return give(fetched);
          continue;
        }
        if (isOver) return 'end';
        const window = windowOf(run);
        if (window !== tail.window) tail.index = -1;
        tail.window = window;
        if (window === undefined || (tail.index < window.first && !window.covers(position))) {
          void fetch();
          return 'wait';
        }
        if (tail.index < window.first) {
          tail.index = position === undefined ? window.first : window.firstAfter(position);
          isAhead = position !== undefined;
        }
        const entry = window.at(tail.index);
        if (entry === undefined) return window.isEnded ? 'end' : 'wait';
        tail.index += 1;
        options.onTaken(run);
        if (isAhead && !isNew(entry)) continue;
        isAhead = false;
        return give(entry);
      }
    },
    detach() {
      run.tails.splice(run.tails.indexOf(tail), 1);
      options.onLeft(run);
    },
  };
  const tail: Tail = { window: undefined, index: -1, wake: () => reader.wake() };
  const reader = createTailReader(source, signal);
  return reader.entries;
};
