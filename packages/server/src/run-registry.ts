/** The runs of one process: found by id, one at a time per thread, kept for a while after their end. */
import { ChatKitError, type StreamLog } from '@chatkit/core';
import { settlesWithin } from './clock.ts';
import type { Turn } from './requests/turn.ts';
import { createRun, type Run, startOffset } from './run.ts';
import { isSettled } from './run-state.ts';
import type { Settings } from './settings.ts';
import { createThreadLanes, type Occupant } from './thread-lanes.ts';

export interface RunRegistry {
  get(runId: string): Run | undefined;
  /** Whether somebody writes to a thread, or is about to. */
  isBusy(threadId: string): boolean;
  /** The run that is in progress in a thread: one that has passed its checks and has an event to show. */
  activeIn(threadId: string): Run | undefined;
  /**
   * Starts a run. Resolves when its first event is in the log (or, under `queue` behind another run, as soon as it is
   * in the queue) and rejects, leaving nothing behind, when it cannot begin.
   */
  begin(options: { id: string; threadId: string; resumable: boolean }, prepare: () => Promise<Turn>): Begun;
  /** Stops what goes on in a thread, and keeps others out while `work` runs. */
  exclusively<T>(threadId: string, work: () => Promise<T>): Promise<T>;
  /** Takes no more runs; waits `graceMs` for those in progress and stops the rest. */
  close(graceMs: number): Promise<void>;
}

/** A run that has been accepted, and the promise that tells whether it could begin. */
export interface Begun {
  readonly run: Run;
  readonly ready: Promise<void>;
}

export const createRunRegistry = (log: StreamLog, settings: Settings): RunRegistry => {
  const runs = new Map<string, Run>();
  const active = new Set<Run>();
  /** Ended runs that clients may still come back to, oldest first, each with the timer that ends that. */
  const retained = new Map<Run, unknown>();
  const lanes = createThreadLanes<Occupant>();
  let closing = false;

  const forget = (run: Run): void => {
    const timer = retained.get(run);
    if (timer !== undefined) settings.clock.clearTimeout(timer);
    retained.delete(run);
    if (runs.get(run.id) !== run) return;
    runs.delete(run.id);
    log.delete(run.id).catch((error) => settings.onError(error, { runId: run.id }));
  };

  const retire = (run: Run): void => {
    if (!isSettled(run.state()) || active.has(run)) return;
    if (!run.resumable) {
      if (run.readers() === 0) forget(run);
      return;
    }
    if (retained.has(run)) return;
    retained.set(
      run,
      settings.clock.setTimeout(() => forget(run), settings.retain.ms),
    );
    for (const oldest of retained.keys()) {
      if (retained.size <= settings.retain.runs) break;
      forget(oldest);
    }
  };

  const execute = async (run: Run, prepare: () => Promise<Turn>, onQueued: () => void): Promise<void> => {
    const { threadId } = run;
    try {
      await log.create(run.id);
      // A request that could not start must not stop the run that is there; checked again once that has settled.
      if (lanes.holder(threadId) !== undefined) await prepare();
      if (isSettled(run.state())) return;
      const turn = lanes.enter(threadId, run, settings.busy);
      if (turn !== undefined) {
        onQueued();
        // A run that is stopped while it waits settles without its turn.
        await Promise.race([turn, run.settled]);
      }
      await run.start(prepare);
    } catch (error) {
      await run.start(() => Promise.reject(error));
    } finally {
      lanes.leave(threadId, run);
      active.delete(run);
      retire(run);
    }
  };

  return {
    get: (runId) => runs.get(runId),
    isBusy: (threadId) => lanes.holder(threadId) !== undefined,
    activeIn(threadId) {
      const holder = lanes.holder(threadId);
      const run = holder !== undefined && 'threadId' in holder ? (holder as Run) : undefined;
      return run?.lastOffset() === startOffset ? undefined : run;
    },
    begin({ id, threadId, resumable }, prepare) {
      if (closing) throw new ChatKitError('server.closing', 'The server is closing.', { retryable: true });
      const run: Run = createRun({ id, threadId, resumable, log, settings, onRelease: () => retire(run) });
      runs.set(id, run);
      active.add(run);
      const ready = new Promise<void>((resolve, reject) => {
        run.opened.then(resolve, reject);
        void execute(run, prepare, () => {
          if (settings.busy === 'queue') resolve();
        });
      });
      ready.catch(() => forget(run));
      return { run, ready };
    },
    async exclusively(threadId, work) {
      const occupant: Occupant = { stop() {} };
      const turn = lanes.enter(threadId, occupant, 'interrupt');
      try {
        await turn;
        return await work();
      } finally {
        lanes.leave(threadId, occupant);
      }
    },
    async close(graceMs) {
      closing = true;
      await settlesWithin(Promise.all([...active].map((run) => run.settled)), graceMs, settings.clock);
      const left = [...active];
      for (const run of left) run.stop('shutdown');
      await Promise.all(left.map((run) => run.settled));
    },
  };
};
