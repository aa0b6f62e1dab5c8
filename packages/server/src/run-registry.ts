/**
 * The runs of one process: finds them by id, lets one at a time into a thread, and keeps them for a while after their
 * end. Runs of other machines are known through the lease: a run starts only once it holds its thread across all
 * machines (`thread-gate.ts`), and a run that is elsewhere is found, followed (the log is shared) and stopped there
 * (`remote-run.ts`).
 */
import { ChatKitError, createId, type RunClaim, type RunLease, type StreamLog } from '@chatkit/core';
import { settlesWithin } from './clock.ts';
import { keepLease, type LeaseKeeper } from './lease-keeper.ts';
import { createReadersElsewhere } from './readers-elsewhere.ts';
import { startReaper } from './reaper.ts';
import { createRememberedIds } from './remembered-ids.ts';
import { type RemoteRun, remoteRun, stopElsewhere } from './remote-run.ts';
import type { Turn } from './requests/turn.ts';
import { Run, type RunPlace, startOffset } from './run.ts';
import { createRunQuota } from './run-quota.ts';
import { isCutShort, isSettled, knownCause } from './run-state.ts';
import type { Salvage } from './salvage.ts';
import type { BusyPolicy, DisconnectPolicy, ErrorInfo, Settings } from './settings.ts';
import { createThreadGate, type Entry } from './thread-gate.ts';
import { createThreadLanes, type Occupant } from './thread-lanes.ts';
import { inTime } from './time-limit.ts';

export interface RunRegistry {
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
  begin(options: RunClaim, prepare: () => Promise<Turn>, disconnect: DisconnectPolicy): Begun;
  /** Stops a run on whatever machine, and waits for its end. */
  cancel(run: Run | RemoteRun): Promise<void>;
  /** Stops what goes on in a thread, and keeps others out while `work` runs. */
  exclusively<T>(threadId: string, work: () => Promise<T>): Promise<T>;
  /** Accepts no more runs; waits `graceMs` for those in progress, then stops the rest. */
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
  const { clock, busy, onError } = settings;
  const runs = new Map<string, Run>();
  const active = new Set<Run>();
  /** Those of `active` that wait for their threads. */
  const waiting = new Set<Run>();
  /** One for each active run; resolves when its thread is free again. */
  const executions = new Map<Run, Promise<void>>();
  /** Runs without a reader here, while other machines are being asked whether they have one. */
  const unread = new Set<Run>();
  /** Ended runs that clients may still resume, oldest first, each with the timer after which it is forgotten. */
  const retained = new Map<Run, unknown>();
  /** The ids of completed runs that have been forgotten: a repeated message is then sent its stored answer. */
  const completed = createRememberedIds(10_000);
  const lanes = createThreadLanes<Occupant>();
  const gate = createThreadGate(lease, clock);
  const elsewhere = createReadersElsewhere(lease, clock);
  let closing = false;
  const reaper = startReaper({ lease, log, settings, salvage });
  const quota = createRunQuota(settings.maxRunsPerUser);
  const stopListening = lease.onStop((runId, cause) => runs.get(runId)?.stop(knownCause(cause)));

  /** For what is done at the end of something: a failure, even one that is thrown at once, must not stop the rest. */
  const reported = async (work: () => Promise<void>, info: ErrorInfo): Promise<void> => {
    try {
      await work();
    } catch (error) {
      onError(error, info);
    }
  };

  /** Renews a lease until `end` is called. */
  const keep = ({ granted: record, since }: Entry, onStop: (cause: string) => void, onLost: () => void) =>
    keepLease({ lease, record, since, waiter: gate.machine, clock, onStop, onLost });

  const forget = (run: Run): void => {
    const timer = retained.get(run);
    if (timer !== undefined) clock.clearTimeout(timer);
    retained.delete(run);
    if (run.resumable && run.state().status === 'completed' && run.ownsLog()) completed.add(run.id);
    if (runs.get(run.id) === run) runs.delete(run.id);
    if (run.ownsLog()) void reported(() => log.delete(run.id), { runId: run.id });
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

  /** Takes a run from its place in line to its end. Never rejects: an error is how the run ends. */
  const execute = async (
    run: Run,
    claim: RunClaim,
    prepare: () => Promise<Turn>,
    onQueued: (policy: BusyPolicy) => void,
    isShown: () => boolean,
  ): Promise<void> => {
    const { runId, threadId } = claim;
    const isOver = (): boolean => isSettled(run.state());
    /** How the wait for the thread ended; `undefined` until it has, or if the run ended first. */
    let entry: Entry | 'elsewhere' | undefined;
    let keeper: LeaseKeeper | undefined;

    /** Waits for the thread, in this process and across machines. `undefined`: the run was ended before it began. */
    const comeToTurn = async (): Promise<Entry | 'elsewhere' | undefined> => {
      let policy = busy;
      const check = async () => {
        const { isLate } = await prepare();
        if (policy === 'interrupt' && (await isLate?.())) policy = 'queue';
      };
      // A request that would be refused must not interrupt the current run. It is checked again once that has settled.
      if (lanes.holder(threadId) !== undefined) await check();
      if (isOver()) return undefined;
      const turn = lanes.enter(threadId, run, policy);
      if (turn !== undefined) {
        // The run is accepted: this fixes its place in the order on all machines.
        await gate.queue(claim);
        onQueued(policy);
        await turn;
        if (isOver()) return undefined;
      }
      const onWaiting = () => onQueued(policy);
      return await gate.enter(claim, { policy: () => policy, check, onWaiting, isOver });
    };

    // A run that is stopped while it waits settles without getting its turn.
    void run.settled.then(() => {
      lanes.giveUp(threadId, run);
      gate.wake(threadId);
    });
    try {
      entry = await comeToTurn();
      if (entry === undefined) return;
      if (entry === 'elsewhere') {
        // Readers who have attached meanwhile follow the run on the machine that has it, where the log may not exist
        // yet.
        const record = await lease.find(runId);
        // From here on `find` returns it by its record.
        runs.delete(runId);
        run.handOver((options) =>
          record === undefined ? log.read(runId, options) : remoteRun({ record, log, lease, clock }).read(options),
        );
        return;
      }
      waiting.delete(run);
      // A log created for a run that is over would be in the way if the request is sent again and the run begins after
      // all.
      if (isOver()) return;
      const { granted: record, overtaken } = entry;
      // As in a lane: an overtaken message is stored, but not answered.
      if (overtaken === true && busy === 'interrupt') run.stop('superseded');
      keeper = keep(
        entry,
        (cause) => run.stop(knownCause(cause)),
        () => run.stop('lost'),
      );
      await inTime(settings, 'log.create', () => log.create(runId));
      if (!keeper.isHeld()) return;
      const owner = { epoch: record.epoch, isHeld: keeper.isHeld };
      await inTime(settings, 'log.append', () => run.own(owner));
      await run.start(prepare);
    } catch (error) {
      await run.start(() => Promise.reject(error));
    } finally {
      reaper.attend();
      const state = run.state();
      if (typeof entry !== 'object') {
        // Other machines must know the outcome if somebody may read the run there, or send it again: a stopped run must
        // not begin there.
        const isWanted = isShown() || (run.resumable && isSettled(state) && state.status === 'cancelled');
        const isKept = entry !== 'elsewhere' && isSettled(state) && isWanted;
        await reported(() => gate.leave(claim, isKept ? state.status : undefined), { runId, threadId });
      } else if (keeper?.isHeld() !== false) {
        const { granted } = entry;
        const outcome = isSettled(state) ? state.status : 'failed';
        await reported(() => lease.release(granted, isShown() ? outcome : undefined), { runId, threadId });
      }
      keeper?.end();
      lanes.leave(threadId, run);
      waiting.delete(run);
      active.delete(run);
      retire(run);
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
      // A run that turned out to be another machine's has ended only here.
      return runs.get(run.id) === run && !(isEnding && isActive);
    },
    hasCompleted: (runId) => completed.has(runId),
    waits: (run) => ('waits' in run ? run.waits : waiting.has(run)),
    async activeIn(threadId) {
      const holder = lanes.holder(threadId);
      const run = holder !== undefined && 'threadId' in holder ? (holder as Run) : undefined;
      if (run !== undefined && run.lastOffset() !== startOffset) return run.id;
      // A run with nothing to show yet may be waiting for a run of another machine.
      const record = await lease.activeIn(threadId);
      return record?.runId === run?.id ? undefined : record?.runId;
    },
    begin(claim, prepare, disconnect) {
      if (closing) throw new ChatKitError('server.closing', 'The server is closing.', { retryable: true });
      const { runId: id, threadId, resumable } = claim;
      const leaveQuota = quota.enter(claim.userId);
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
        const onQueued = (policy: BusyPolicy) => {
          waiting.add(run);
          if (policy === 'queue') show('here');
        };
        const execution = execute(run, claim, prepare, onQueued, () => isShown);
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
        // If it had no log here, another machine may have been asked to start it too.
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
        // Entered in any case: the claim's run is no other machine's, and nobody gives it up.
        const entry = (await gate.enter(claim, { policy: () => 'interrupt' })) as Entry;
        const ignored = () => {};
        const keeper = keep(entry, ignored, ignored);
        try {
          return await work();
        } finally {
          keeper.end();
          await reported(() => lease.release(entry.granted), { threadId });
        }
      } finally {
        await reported(() => gate.leave(claim), { threadId });
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
