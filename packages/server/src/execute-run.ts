/**
 * A run's way to its turn, through it and out again: the lane of its thread in this process (`thread-lanes.ts`), the gate
 * that all machines share (`thread-gate.ts`), then the lease, kept for as long as it writes (`lease-keeper.ts`). Whatever
 * happens on the way, what was taken is given back.
 */
import type { RunClaim, RunLease, StreamLog } from '@chatkit/core';
import { keepLease, type LeaseKeeper } from './lease-keeper.ts';
import type { Reaper } from './reaper.ts';
import { remoteRun } from './remote-run.ts';
import type { Turn } from './requests/turn.ts';
import type { Run } from './run.ts';
import { isSettled, knownCause } from './run-state.ts';
import type { BusyPolicy, Settings } from './settings.ts';
import type { Entry, ThreadGate } from './thread-gate.ts';
import type { Occupant, ThreadLanes } from './thread-lanes.ts';

/** What all runs of a process go through. */
export interface ExecutionPorts {
  readonly log: StreamLog;
  readonly lease: RunLease;
  readonly lanes: ThreadLanes<Occupant>;
  readonly gate: ThreadGate;
  readonly reaper: Reaper;
  readonly settings: Settings;
}

/** One run that has been accepted. */
export interface Execution {
  readonly run: Run;
  readonly claim: RunClaim;
  /** Makes the checks of the request and returns its turn. Asked again when the thread is free. */
  readonly prepare: () => Promise<Turn>;
  /** It has to wait, and has its place; `policy` is what it does to those before it. */
  readonly onQueued: (policy: BusyPolicy) => void;
  /** The thread is its own. */
  readonly onGranted: () => void;
  /** Another machine was asked to start it too, and has it. */
  readonly onElsewhere: () => void;
  /** Whether its client has been told that there is such a run. */
  readonly isShown: () => boolean;
  /** Its thread is free again. */
  readonly onOver: () => void;
}

/** Brings a run to its end. Never rejects: what goes wrong is how the run ends. */
export const executeRun = async (execution: Execution, ports: ExecutionPorts): Promise<void> => {
  const { run, claim, prepare } = execution;
  const { log, lease, lanes, gate, reaper, settings } = ports;
  const { clock } = settings;
  const { runId, threadId } = claim;
  const isOver = (): boolean => isSettled(run.state());
  /** Where its way through the lines has led. */
  let entry: Entry | 'elsewhere' | undefined;
  let keeper: LeaseKeeper | undefined;

  /** Waits for the thread, here and on all machines. `undefined`: the run is over, and has not begun. */
  const comeToTurn = async (): Promise<Entry | 'elsewhere' | undefined> => {
    let policy = settings.busy;
    const check = async () => {
      const { isLate } = await prepare();
      if (policy === 'interrupt' && (await isLate?.())) policy = 'queue';
    };
    // A request that could not start must not stop the run that is there; checked again once that has settled.
    if (lanes.holder(threadId) !== undefined) await check();
    if (isOver()) return undefined;
    const turn = lanes.enter(threadId, run, policy);
    if (turn !== undefined) {
      // Accepted: from here on it is behind those before it on all machines, and before those that come.
      await gate.queue(claim);
      execution.onQueued(policy);
      await turn;
      if (isOver()) return undefined;
    }
    const onWaiting = () => execution.onQueued(policy);
    return await gate.enter(claim, { policy: () => policy, check, onWaiting, isOver });
  };

  /** Readers who have come meanwhile follow it on the machine that has it, which may have no log yet. */
  const handOver = async (): Promise<void> => {
    const record = await lease.find(runId);
    execution.onElsewhere();
    run.handOver((options) =>
      record === undefined ? log.read(runId, options) : remoteRun({ record, log, lease, clock }).read(options),
    );
  };

  const begin = async ({ granted: record, overtaken }: Entry): Promise<void> => {
    // As in its own lane: it is stored, and answered by nobody.
    if (overtaken === true && settings.busy === 'interrupt') run.stop('superseded');
    keeper = keepLease({
      lease,
      record,
      waiter: gate.machine,
      clock,
      onStop: (cause) => run.stop(knownCause(cause)),
      onLost: () => run.stop('lost'),
    });
    await log.create(runId);
    await run.own({ epoch: record.epoch, isHeld: keeper.isHeld });
    await run.start(prepare);
  };

  const giveBack = async (): Promise<void> => {
    const state = run.state();
    const report = (error: unknown) => settings.onError(error, { runId, threadId });
    if (typeof entry !== 'object') {
      // Somebody may read it elsewhere, or send it again: one that was stopped must not begin there.
      const isWanted = execution.isShown() || (run.resumable && isSettled(state) && state.status === 'cancelled');
      const isKept = entry !== 'elsewhere' && isSettled(state) && isWanted;
      await gate.leave(claim, isKept ? state.status : undefined).catch(report);
    } else if (keeper?.isHeld() !== false) {
      const outcome = isSettled(state) ? state.status : 'failed';
      await lease.release(entry.granted, execution.isShown() ? outcome : undefined).catch(report);
    }
    keeper?.end();
    lanes.leave(threadId, run);
  };

  // A run that is stopped while it waits settles without its turn.
  void run.settled.then(() => {
    lanes.giveUp(threadId, run);
    gate.wake(threadId);
  });
  try {
    entry = await comeToTurn();
    if (entry === 'elsewhere') await handOver();
    if (typeof entry === 'object') {
      execution.onGranted();
      // The log of one that is over would be in the way of the one that begins it after all, when it is sent again.
      if (!isOver()) await begin(entry);
    }
  } catch (error) {
    await run.start(() => Promise.reject(error));
  } finally {
    reaper.attend();
    await giveBack();
    execution.onOver();
  }
};
