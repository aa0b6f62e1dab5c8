/**
 * The way of a run through its thread: it waits until it has the thread, in the lane of this process and then across
 * machines, holds the thread's lease while it works, and gives both back, however it ended.
 */
import type { RunClaim, RunLease, StreamLog } from '@chatkit/core';
import { keepLease, type LeaseKeeper } from './lease-keeper.ts';
import type { Reaper } from './reaper.ts';
import { remoteRun } from './remote-run.ts';
import { reported } from './reported.ts';
import type { Turn } from './requests/turn.ts';
import type { Run } from './run.ts';
import { isSettled, knownCause } from './run-state.ts';
import type { BusyPolicy, Settings } from './settings.ts';
import type { Entry, ThreadGate } from './thread-gate.ts';
import type { Occupant, ThreadLanes } from './thread-lanes.ts';
import { inTime } from './time-limit.ts';

/** What all runs of a process share. */
export interface Ways {
  readonly log: StreamLog;
  readonly lease: RunLease;
  readonly settings: Settings;
  readonly lanes: ThreadLanes<Occupant>;
  readonly gate: ThreadGate;
  readonly reaper: Reaper;
}

/** A run on its way. */
export interface Execution {
  readonly run: Run;
  readonly claim: RunClaim;
  /** Checks the request, and makes its turn. May be called several times. */
  readonly prepare: () => Promise<Turn>;
  /** Whether a client has been told that the run was accepted. */
  readonly isShown: () => boolean;
  /** The run waits for its thread. May be called twice. */
  readonly onWaiting: (policy: BusyPolicy) => void;
  /** The run has its thread. */
  readonly onEntered: () => void;
  /** Another machine was asked to start the same run, and has it. */
  readonly onElsewhere: () => void;
}

/** How a run's wait for its thread ended. `over`: the run was ended before its turn came. */
type Arrival = Entry | 'elsewhere' | 'over';

/** Takes a run from its place in line to its end. Never rejects: an error is how the run ends. */
export const executeRun = async (ways: Ways, execution: Execution): Promise<void> => {
  const { run, claim } = execution;
  const { threadId } = claim;
  let arrival: Arrival = 'over';
  let keeper: LeaseKeeper | undefined;
  // A run that is stopped while it waits settles without getting its turn.
  void run.settled.then(() => {
    ways.lanes.giveUp(threadId, run);
    ways.gate.wake(threadId);
  });
  try {
    arrival = await comeToTurn(ways, execution);
    if (arrival === 'over') return;
    if (arrival === 'elsewhere') return await followElsewhere(ways, execution);
    execution.onEntered();
    // A log created for a run that is over would be in the way if the request is sent again and the run begins after
    // all.
    if (isSettled(run.state())) return;
    // As in a lane: an overtaken message is stored, but not answered.
    if (arrival.overtaken === true && ways.settings.busy === 'interrupt') run.stop('superseded');
    keeper = keepThread(
      ways,
      arrival,
      (cause) => run.stop(knownCause(cause)),
      () => run.stop('lost'),
    );
    await work(ways, execution, arrival, keeper);
  } catch (error) {
    await run.start(() => Promise.reject(error));
  } finally {
    ways.reaper.attend();
    await leave(ways, execution, arrival, keeper);
    keeper?.end();
    ways.lanes.leave(threadId, run);
  }
};

/** Renews the lease of a thread until the keeper is ended. */
export const keepThread = (
  { lease, gate, settings }: Ways,
  { granted: record, since }: Entry,
  onStop: (cause: string) => void,
  onLost: () => void,
): LeaseKeeper => keepLease({ lease, record, since, waiter: gate.machine, clock: settings.clock, onStop, onLost });

/** Waits for the thread, in this process and across machines. */
const comeToTurn = async (ways: Ways, { run, claim, prepare, onWaiting }: Execution): Promise<Arrival> => {
  const { lanes, gate, settings } = ways;
  const { threadId } = claim;
  const isOver = (): boolean => isSettled(run.state());
  let policy = settings.busy;
  const check = async () => {
    const { isLate } = await prepare();
    if (policy === 'interrupt' && (await isLate?.())) policy = 'queue';
  };
  // A request that would be refused must not interrupt the current run. It is checked again once that has settled.
  if (lanes.holder(threadId) !== undefined) await check();
  if (isOver()) return 'over';
  const turn = lanes.enter(threadId, run, policy);
  if (turn !== undefined) {
    // The run is accepted: this fixes its place in the order on all machines.
    await gate.queue(claim);
    onWaiting(policy);
    await turn;
    if (isOver()) return 'over';
  }
  const options = { policy: () => policy, check, onWaiting: () => onWaiting(policy), isOver };
  return (await gate.enter(claim, options)) ?? 'over';
};

/** Readers who have attached meanwhile follow the run on the machine that has it, where the log may not exist yet. */
const followElsewhere = async (ways: Ways, { run, onElsewhere }: Execution): Promise<void> => {
  const { log, lease, settings } = ways;
  const record = await lease.find(run.id);
  // From here on the run is found by its record.
  onElsewhere();
  run.handOver((options) =>
    record === undefined
      ? log.read(run.id, options)
      : remoteRun({ record, log, lease, clock: settings.clock }).read(options),
  );
};

/** Answers, in the run's own log. */
const work = async (
  { log, settings }: Ways,
  { run, prepare }: Execution,
  { granted }: Entry,
  keeper: LeaseKeeper,
): Promise<void> => {
  await inTime(settings, 'log.create', () => log.create(run.id));
  if (!keeper.isHeld()) return;
  const owner = { epoch: granted.epoch, isHeld: keeper.isHeld };
  await inTime(settings, 'log.append', () => run.own(owner));
  await run.start(prepare);
};

/** Gives back the lease, or the place in line. */
const leave = async (
  { lease, gate, settings }: Ways,
  { run, claim, isShown }: Execution,
  arrival: Arrival,
  keeper: LeaseKeeper | undefined,
): Promise<void> => {
  const { runId, threadId } = claim;
  const state = run.state();
  const report = (act: () => Promise<void>) => reported(settings.onError, act, { runId, threadId });
  if (typeof arrival === 'object') {
    const outcome = isSettled(state) ? state.status : 'failed';
    if (keeper?.isHeld() !== false) await report(() => lease.release(arrival.granted, isShown() ? outcome : undefined));
    return;
  }
  // Other machines must know the outcome if somebody may read the run there, or send it again: a stopped run must not
  // begin there.
  const isWanted = isShown() || (run.resumable && isSettled(state) && state.status === 'cancelled');
  const isKept = arrival !== 'elsewhere' && isSettled(state) && isWanted;
  await report(() => gate.leave(claim, isKept ? state.status : undefined));
};
