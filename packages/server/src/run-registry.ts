/**
 * The runs of one process: finds them by id, lets one at a time into a thread (`execute-run.ts`), and keeps them for a
 * while after their end (`run-shelf.ts`). Runs of other machines are known through the lease: a run starts only once it holds its thread across all
 * machines (`thread-gate.ts`), and a run that is elsewhere is found, followed (the log is shared) and stopped there
 * (`remote-run.ts`).
 */
import { createId, type RunClaim, type RunLease, type StreamLog } from '@chatkit/core';
import { settlesWithin } from './clock.ts';
import { executeRun, keepThread, type Ways } from './execute-run.ts';
import { createOpenStreams, type OpenStreams } from './open-streams.ts';
import { createReadersElsewhere } from './readers-elsewhere.ts';
import { startReaper } from './reaper.ts';
import { type RemoteRun, remoteRun, stopElsewhere } from './remote-run.ts';
import { reported } from './reported.ts';
import type { Turn } from './requests/turn.ts';
import { Run, type RunPlace, serverClosing, startOffset } from './run.ts';
import type { RunBegin } from './run-observer.ts';
import { createRunQuota } from './run-quota.ts';
import { createRunShelf } from './run-shelf.ts';
import { isCutShort, isSettled, knownCause } from './run-state.ts';
import type { Salvage } from './salvage.ts';
import type { DisconnectPolicy, Settings } from './settings.ts';
import { createThreadGate, type Entry } from './thread-gate.ts';
import { createThreadLanes, type Occupant } from './thread-lanes.ts';

export interface RunRegistry {
  /** The streams that read runs here, of whatever machine. */
  readonly streams: OpenStreams;
  /** A run, here or elsewhere. */
  find(runId: string): Promise<Run | RemoteRun | undefined>;
  /**
   * Counts a reader of a run on whatever machine, until `signal` aborts. Resolves with whether `run` still stands:
   * `false` if it was about to be stopped and has ended by now.
   */
  join(run: Run | RemoteRun, signal: AbortSignal): Promise<boolean>;
  /** Whether a run of this process has completed. Remembered long after its log is gone. */
  hasCompleted(runId: string): boolean;
  /** Whether a run waits for its thread. */
  waits(run: Run | RemoteRun): boolean;
  /** A run of this process. */
  get(runId: string): Run | undefined;
  /** The id of the run that is in progress in a thread: one that has passed its checks and has an event in its log. */
  activeIn(threadId: string): Promise<string | undefined>;
  /** Starts a run. */
  begin(
    claim: RunClaim,
    requestType: RunBegin['requestType'],
    prepare: () => Promise<Turn>,
    disconnect: DisconnectPolicy,
  ): Begun;
  /** Stops a run on whatever machine, and waits for its end. */
  cancel(run: Run | RemoteRun): Promise<void>;
  /**
   * Stops what goes on in a thread, and keeps others out while `work` runs, which deletes the thread. Throws
   * `server.closing` once the server closes, which waits for what has begun.
   */
  exclusively<T>(threadId: string, work: () => Promise<T>): Promise<T>;
  /**
   * Accepts no more runs; waits `graceMs` for those in progress, then stops the rest and ends the streams of other
   * machines' runs. Waits for deletions, and for what it writes for dead machines, in any case.
   */
  close(graceMs: number): Promise<void>;
}

/** A run that has been accepted. */
export interface Begun {
  readonly run: Run;
  /**
   * Resolves with `here` when the first event is in the log or, under `queue` behind another run, as soon as the run is
   * in the queue. Resolves with `elsewhere` if another machine was asked to start the same run and has it. Rejects,
   * leaving nothing behind, when the run cannot begin.
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
  /** Those of `active` that wait for their threads. */
  const waiting = new Set<Run>();
  /** One for each active run; resolves when its thread is free again. */
  const executions = new Map<Run, Promise<void>>();
  /** Deletions of threads; each settles when its thread is free again. */
  const deletions = new Set<Promise<unknown>>();
  /** Runs without a reader here, while other machines are being asked whether they have one. */
  const unread = new Set<Run>();
  const lanes = createThreadLanes<Occupant>();
  const gate = createThreadGate(lease, clock);
  const elsewhere = createReadersElsewhere(lease, clock);
  const streams = createOpenStreams();
  let closing = false;
  const reaper = startReaper({ lease, log, settings, salvage });
  const ways: Ways = { log, lease, settings, lanes, gate, reaper };
  const quota = createRunQuota(settings.maxRunsPerUser);
  const stopListening = lease.onStop((runId, cause) => runs.get(runId)?.stop(knownCause(cause)));
  const shelf = createRunShelf(log, settings, (run) => {
    if (runs.get(run.id) === run) runs.delete(run.id);
  });

  /** A run has ended, or a reader of it has left, perhaps before its end. */
  const retire = (run: Run): void => {
    if (!active.has(run)) shelf.put(run);
  };

  const alone = async <T>(threadId: string, work: () => Promise<T>): Promise<T> => {
    const occupant: Occupant = { stop() {} };
    const turn = lanes.enter(threadId, occupant, 'interrupt');
    const claim = { runId: createId('run'), threadId, resumable: false };
    try {
      if (turn !== undefined) await gate.queue(claim);
      await turn;
      // Entered in any case: the claim's run is no other machine's, and nobody gives it up.
      const entry = (await gate.enter(claim, { policy: () => 'interrupt' })) as Entry;
      const ignored = () => {};
      const keeper = keepThread(ways, entry, ignored, ignored);
      try {
        return await work();
      } finally {
        keeper.end();
        await reported(onError, () => lease.release(entry.granted), { threadId });
      }
    } finally {
      await reported(onError, () => gate.leave(claim), { threadId });
      lanes.leave(threadId, occupant);
    }
  };

  return {
    streams,
    get: (runId) => runs.get(runId),
    async find(runId) {
      const run = runs.get(runId);
      if (run !== undefined) return run;
      const record = await lease.find(runId);
      return record === undefined ? undefined : remoteRun({ record, log, lease, clock });
    },
    async join(run, signal) {
      if (!(run instanceof Run)) return run.outcome !== undefined || elsewhere.join(run.id, signal);
      const state = run.state();
      const isActive = active.has(run);
      const isEnding = isSettled(state) ? isCutShort(state.status) : state.stop !== undefined;
      if (isEnding) await executions.get(run);
      // A run that turned out to be another machine's has ended only here.
      return runs.get(run.id) === run && !(isEnding && isActive);
    },
    hasCompleted: shelf.hasCompleted,
    waits: (run) => (run instanceof Run ? waiting.has(run) : run.waits),
    async activeIn(threadId) {
      const holder = lanes.holder(threadId);
      const run = holder instanceof Run ? holder : undefined;
      if (run !== undefined && run.lastOffset() !== startOffset) return run.id;
      // A run with nothing to show yet may be waiting for a run of another machine.
      const record = await lease.activeIn(threadId);
      return record?.runId === run?.id ? undefined : record?.runId;
    },
    begin(claim, requestType, prepare, disconnect) {
      if (closing) throw serverClosing();
      const { runId: id, threadId, resumable, userId } = claim;
      const leaveQuota = quota.enter(userId);
      const onUnread = async (stop: () => void): Promise<void> => {
        // Other machines can have readers only of a run that clients may come back to, and only if they share a lease.
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
      const run: Run = new Run({
        ...{ id, threadId, resumable, userId, requestType, disconnect, log, settings, onUnread },
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
        const execution = executeRun(ways, {
          ...{ run, claim, prepare },
          isShown: () => isShown,
          onWaiting(policy) {
            waiting.add(run);
            if (policy === 'queue') show('here');
          },
          onEntered: () => waiting.delete(run),
          onElsewhere: () => runs.delete(id),
        }).then(() => {
          waiting.delete(run);
          active.delete(run);
          retire(run);
        });
        executions.set(run, execution);
        void execution.finally(() => {
          executions.delete(run);
          leaveQuota();
        });
      });
      ready.catch(() => shelf.forget(run));
      return { run, ready };
    },
    async cancel(run) {
      if (run instanceof Run) {
        run.stop('cancel');
        await run.settled;
        // If it had no log here, another machine may have been asked to start it too.
        if (run.ownsLog()) return;
      }
      await stopElsewhere(run.id, lease, clock);
    },
    exclusively(threadId, work) {
      if (closing) throw serverClosing();
      const deletion = alone(threadId, work);
      deletions.add(deletion);
      return deletion.finally(() => deletions.delete(deletion));
    },
    async close(graceMs) {
      closing = true;
      await settlesWithin(Promise.all([...active].map((run) => run.settled)), graceMs, clock);
      for (const run of active) run.stop('shutdown');
      streams.close();
      await Promise.allSettled([...executions.values(), ...deletions]);
      await reaper.end();
      stopListening();
      gate.close();
    },
  };
};
