/** A run of another machine, as far as its record tells. Its entries come from the shared log. */
import {
  isChatKitError,
  type LogEntry,
  type ReadOptions,
  type RunLease,
  type RunOutcome,
  type RunRecord,
  type StreamLog,
} from '@chatkit/core';
import type { Clock } from './clock.ts';
import type { ReaderHold, RunPlace } from './run.ts';

export interface RemoteRun {
  readonly id: string;
  readonly threadId: string;
  /** How it ended, if it has. */
  readonly outcome: RunOutcome | undefined;
  /** Resolves when its first event is in the log; rejects with \`run.not_found\` when it could not begin. */
  opened(signal: AbortSignal): Promise<RunPlace>;
  /** Not known here: only the log knows. */
  lastOffset(): undefined;
  read(options?: ReadOptions): AsyncIterable<LogEntry>;
  /** A reader's hold; the owner does not count readers elsewhere. */
  hold(): ReaderHold;
}

/** How often another machine's doings are asked for. */
export const FIRST_ASK_MS = 10;
export const SLOWEST_ASK_MS = 250;

export interface RemoteRunOptions {
  record: RunRecord;
  log: StreamLog;
  lease: RunLease;
  clock: Clock;
}

export const remoteRun = ({ record, log, lease, clock }: RemoteRunOptions): RemoteRun => {
  const { runId: id, threadId, outcome } = record;

  /** A machine that has just been granted a run has yet to make its log: until then it is waited for. */
  async function* read(options: ReadOptions = {}): AsyncGenerator<LogEntry, void, undefined> {
    for (let askMs = FIRST_ASK_MS; ; askMs = Math.min(askMs * 2, SLOWEST_ASK_MS)) {
      try {
        yield* log.read(id, options);
        return;
      } catch (error) {
        if (!isChatKitError(error, 'run.not_found')) throw error;
        const known = await lease.find(id);
        if (known === undefined || known.outcome !== undefined) throw error;
        options.signal?.throwIfAborted();
        await new Promise<void>((resolve) => void clock.setTimeout(resolve, askMs));
      }
    }
  }

  return {
    id,
    threadId,
    outcome,
    async opened(signal) {
      if (outcome === undefined) for await (const _ of read({ signal })) break;
      return 'here';
    },
    lastOffset: () => undefined,
    read: (options) => (outcome === undefined ? read(options) : log.read(id, options)),
    hold() {
      const controller = new AbortController();
      return { signal: controller.signal, release: () => controller.abort() };
    },
  };
};
