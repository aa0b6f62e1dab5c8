/**
 * The runs of one process: found by id, one at a time per thread, kept for a while after their end. What other machines
 * run is known through the lease: a thread is taken from all of them before a run starts (`thread-gate.ts`), and a run that is
 * not here is found, followed (the log is shared) and stopped there (`remote-run.ts`).
 */
import { ChatKitError, createId, type RunClaim, type RunLease, type StreamLog } from '@chatkit/core';
import { settlesWithin } from './clock.ts';
import { executeRun } from './execute-run.ts';
import { createReadersElsewhere } from './readers-elsewhere.ts';
import { startReaper } from './reaper.ts';
import { createRememberedIds } from './remembered-ids.ts';
import { type RemoteRun, remoteRun, stopElsewhere } from './remote-run.ts';
import type { Turn } from './requests/turn.ts';
import { createRun, type Run, type RunPlace, startOffset } from './run.ts';
import { createRunQuota } from './run-quota.ts';
import { isCutShort, isSettled, knownCause } from './run-state.ts';
import type { Salvage } from './salvage.ts';
import type { DisconnectPolicy, Settings } from './settings.ts';
import { createThreadGate } from './thread-gate.ts';
import { createThreadLanes, type Occupant } from './thread-lanes.ts';

export interface RunRegistry {
  /** A run, here or elsewhere. */
  find(runId: string): Promise<Run | RemoteRun | undefined>;
  /**
   * Counts a reader that holds a run, wherever it is, until `signal` aborts. Resolves with whether the run is as it
   * was: `false` for one that was about to be stopped, and has ended now.
   */
  join(run: Run | RemoteRun, signal: AbortSignal): Promise<boolean>;
  /** Whether a run of this process is remembered to have completed, long after its log has gone. */
  hasCompleted(runId: string): boolean;
  /** Whether it waits for its thread; a run that makes its thread never does. */
  waits(run: Run | RemoteRun): boolean;
  /** A run of this process. */
  get(runId: string): Run | undefined;
  /** The run that is in progress in a thread: one that has passed its checks and has an event to show. */
  activeIn(threadId: string): Promise<string | undefined>;
  /** Starts a run. */
  begin(options: RunClaim, prepare: () => Promise<Turn>, disconnect: DisconnectPolicy): Begun;
  /** Stops a run, wherever it is, and waits for its end. */
  cancel(run: Run | RemoteRun): Promise<void>;
  /** Stops what goes on in a thread, and keeps others out while `work` runs. */
  exclusively<T>(threadId: string, work: () => Promise<T>): Promise<T>;
  /** Takes no more runs; waits `graceMs` for those in progress and stops the rest. */
  close(graceMs: number): Promise<void>;
}

/** A run that has been accepted. */
export interface Begun {
  readonly run: Run;
  /**
   * Resolves when its first event is in the log (or, under `queue` behind another run, as soon as it is in the queue), or
   * when another machine was asked to start it too and has it; rejects, leaving nothing behind, when it cannot begin.
   */
  readonly ready: Promise<RunPlace>;
}

export const createRunRegistry = (
  log: StreamLog,
  lease: RunLease,
  settings: Settings,
  salvage: Salvage,
): RunRegistry => {
  const { clock, onError } = settings;
  const runs = new Map<string, Run>();
  const active = new Set<Run>();
  /** Those of them that have turned out to wait for their threads. */
  const waiting = new Set<Run>();
  /** One for each active run: over when its thread is free again. */
  const executions = new Map<Run, Promise<void>>();
  /** Runs that nobody reads here, and that are to stop for that. */
  const unread = new Set<Run>();
  /** Ended runs that clients may still come back to, oldest first, each with the timer that ends that. */
  const retained = new Map<Run, unknown>();
  /** Ended runs that are forgotten but for their ids: whoever sends such a message again is told what is stored. */
  const completed = createRememberedIds(10_000);
  const lanes = createThreadLanes<Occupant>();
  const gate = createThreadGate(lease, clock);
  const elsewhere = createReadersElsewhere(lease, clock);
  let closing = false;
  const reaper = startReaper({ lease, log, settings, salvage });
  const quota = createRunQuota(settings.maxRunsPerUser);
  const stopListening = lease.onStop((runId, cause) => runs.get(runId)?.stop(knownCause(cause)));

  const forget = (run: Run): void => {
    const timer = retained.get(run);
    if (timer !== undefined) clock.clearTimeout(timer);
    retained.delete(run);
    if (run.resumable && run.state().status === 'completed' && run.ownsLog()) completed.add(run.id);
    if (runs.get(run.id) === run) runs.delete(run.id);
    if (run.ownsLog()) log.delete(run.id).catch((error) => onError(error, { runId: run.id }));
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
      clock.setTimeout(() => forget(run), settings.retain.ms),
    );
    for (const oldest of retained.keys()) {
      if (retained.size <= settings.retain.runs) break;
      forget(oldest);
    }
  };

  return {
    get: (runId) => runs.get(runId),
    async find(runId) {
      const run = runs.get(runId);
      if (run !== undefined) return run;
      const record = await lease.find(runId);
      return record === undefined ? undefined : remoteRun({ record, log, lease, clock });
    },
    async join(run, signal) {
      if (!('state' in run)) return run.outcome !== undefined || elsewhere.join(run.id, signal);
      const state = run.state();
      const isActive = active.has(run);
      const isEnding = isSettled(state) ? isCutShort(state.status) : state.stop !== undefined;
      if (isEnding) await executions.get(run);
      // One that another machine turned out to have has ended here alone.
      return runs.get(run.id) === run && !(isEnding && isActive);
    },
    hasCompleted: (runId) => completed.has(runId),
    waits: (run) => ('waits' in run ? run.waits : waiting.has(run)),
    async activeIn(threadId) {
      const holder = lanes.holder(threadId);
      const run = holder !== undefined && 'threadId' in holder ? (holder as Run) : undefined;
      if (run !== undefined && run.lastOffset() !== startOffset) return run.id;
      // One that has nothing to show yet may wait for a run of another machine.
      const record = await lease.activeIn(threadId);
      return record?.runId === run?.id ? undefined : record?.runId;
    },
    begin(claim, prepare, disconnect) {
      if (closing) throw new ChatKitError('server.closing', 'The server is closing.', { retryable: true });
      const { runId: id, threadId, resumable } = claim;
      const leaveQuota = quota.enter(claim.userId);
      const onUnread = async (stop: () => void): Promise<void> => {
        // Only a run whose id its client has chosen is sent to two machines.
        if (!resumable || !Number.isFinite(lease.ttlMs)) return stop();
        if (unread.has(run)) return;
        unread.add(run);
        const isOver = () => isSettled(run.state()) || run.readers() > 0;
        const end = async () => {
          stop();
          await executions.get(run);
        };
        try {
          while (!isOver()) await elsewhere.stopUnread(id, isOver, end);
        } catch (error) {
          onError(error, { runId: id, threadId });
          stop();
        }
        unread.delete(run);
      };
      const run: Run = createRun({
        ...{ id, threadId, resumable, disconnect, log, settings, onUnread },
        onRelease: () => retire(run),
      });
      runs.set(id, run);
      active.add(run);
      let isShown = false;
      const ready = new Promise<RunPlace>((resolve, reject) => {
        const show = (place: RunPlace) => {
          isShown = true;
          resolve(place);
        };
        run.opened.then(show, reject);
        const execution = executeRun(
          {
            run,
            claim,
            prepare,
            onQueued(policy) {
              waiting.add(run);
              if (policy === 'queue') show('here');
            },
            onGranted: () => void waiting.delete(run),
            // From here on it is found by its record.
            onElsewhere: () => void runs.delete(id),
            isShown: () => isShown,
            onOver() {
              waiting.delete(run);
              active.delete(run);
              retire(run);
            },
          },
          { log, lease, lanes, gate, reaper, settings },
        );
        executions.set(run, execution);
        void execution.finally(() => {
          executions.delete(run);
          leaveQuota();
        });
      });
      ready.catch(() => forget(run));
      return { run, ready };
    },
    async cancel(run) {
      if ('stop' in run) {
        run.stop('cancel');
        await run.settled;
        // Another machine may have been asked to start it too.
        if (run.ownsLog()) return;
      }
      await stopElsewhere(run.id, lease, clock);
    },
    async exclusively(threadId, work) {
      const occupant: Occupant = { stop() {} };
      const turn = lanes.enter(threadId, occupant, 'interrupt');
      const claim = { runId: createId('run'), threadId, resumable: false };
      try {
        if (turn !== undefined) await gate.queue(claim);
        await turn;
        const entry = await gate.enter(claim, { policy: () => 'interrupt' });
        try {
          return await work();
        } finally {
          if (typeof entry === 'object') await lease.release(entry.granted);
        }
      } finally {
        await gate.leave(claim).catch((error) => onError(error, { threadId }));
        lanes.leave(threadId, occupant);
      }
    },
    async close(graceMs) {
      closing = true;
      await settlesWithin(Promise.all([...active].map((run) => run.settled)), graceMs, clock);
      for (const run of active) run.stop('shutdown');
      await Promise.all(executions.values());
      reaper.end();
      stopListening();
      gate.close();
    },
  };
};
