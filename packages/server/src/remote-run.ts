/** A run of another machine, as far as its record tells. Its entries come from the shared log. */
import type { RunOutcome, RunRecord } from '@chatkit/core';
import type { ReaderHold } from './run.ts';

export interface RemoteRun {
  readonly id: string;
  readonly threadId: string;
  readonly opened: Promise<void>;
  /** How it ended, if it has. */
  readonly outcome: RunOutcome | undefined;
  /** Not known here: only the log knows. */
  lastOffset(): undefined;
  /** A reader's hold; the owner does not count readers elsewhere. */
  hold(): ReaderHold;
}

export const remoteRun = ({ runId, threadId, outcome }: RunRecord): RemoteRun => ({
  id: runId,
  threadId,
  opened: Promise.resolve(),
  outcome,
  lastOffset: () => undefined,
  hold() {
    const controller = new AbortController();
    return { signal: controller.signal, release: () => controller.abort() };
  },
});
