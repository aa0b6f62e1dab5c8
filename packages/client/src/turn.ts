/**
 * One turn of the conversation, from the user's message (or action, or answer) to the end of the assistant's answer.
 * Usually one run; with client tools, a chain of runs that the user sees as one. `start()` is the whole course of a
 * turn; `stop()`, `giveWay()` and `abandon()` end it early.
 */
import {
  type ChatKitError,
  type ChatKitRequestInput,
  createId,
  isChatKitError,
  type RunOutcome,
  type ThreadStreamEvent,
} from '@chatkit/core';
import { applyReplay } from './apply-replay.ts';
import { cancelRun } from './cancel-run.ts';
import {
  applyEvents,
  beginTurn,
  type ChatState,
  dropOutgoing,
  endTurn,
  failOutgoing,
  freeze,
  giveUpOutgoing,
  isUnconfirmed,
  shownFailure,
} from './chat-state.ts';
import { completeCall, outputRequest, pendingToolCalls, runTools, type ToolOutput } from './client-tools.ts';
import type { CloseReason } from './connection-state.ts';
import { connectionStatus } from './connection-status.ts';
import { deferred } from './deferred.ts';
import { mayPass } from './endpoint.ts';
import { answerAnew, confirmsMessage, untilMessage } from './outgoing-message.ts';
import { pause } from './pause.ts';
import { createReplayGate } from './replay-gate.ts';
import { type RunConnection, resumeRun } from './resume-run.ts';
import { asStopped, endedEarly, interrupted, isSpent, type RunEnd, retryPlanOf, stopped } from './run-end.ts';
import { type ChatRun, createRunHandle } from './run-handle.ts';
import type { TurnContext } from './turn-context.ts';
import type { LaneTurn } from './turn-lane.ts';
import type { TurnPlan } from './turn-plan.ts';

export interface Turn extends LaneTurn {
  readonly run: ChatRun;
  /** Resolves when something of the turn is on the screen, at the latest when it has settled. */
  readonly shown: Promise<void>;
  /** Stops the run, on whichever machine it is. Resolves when the turn has settled. */
  stop(): Promise<void>;
}

/** How long a loaded thread waits to be shown together with the replay of its run. */
const showByMs = 1_000;

/**
 * How long the Python SDK's server gets, after its stream was closed, to store what it has before the next request
 * reads it. No event says when it is done.
 */
const plainSettleMs = 250;

/** The phase of a turn. `settled`: its end is known. `over`: the next turn may start. */
type Phase = 'waiting' | 'running' | 'stopping' | 'settled' | 'over';

/** How much of a turn is on the screen: nothing; its beginning (`plan.prepare`); events. */
type Stage = 'unseen' | 'begun' | 'heard';

export const createTurn = (plan: TurnPlan, context: TurnContext): Turn => {
  const { clock } = context.ports;
  const handle = createRunHandle(plan.runId);
  /** Aborts work outside the connection: tools, reloading the thread. */
  const aside = new AbortController();
  const shown = deferred<void>();
  const settled = deferred<void>();
  const isOwn = plan.isOwn ?? plan.request !== undefined;
  let phase: Phase = 'waiting';
  let stage: Stage = 'unseen';
  /** The connection to the current run. */
  let connection: RunConnection | undefined;
  /** A stop on its way to the server, and whether it came too late for the stream. */
  let stopping: Promise<boolean> | undefined;

  const isRunning = (): boolean => phase === 'running';
  const isLive = (): boolean => isRunning() || phase === 'stopping';
  /** Whether the turn carries a user's message that is not confirmed as stored, so that stopping might lose it. */
  const isPending = (): boolean => isUnconfirmed(context.get(), plan.runId);

  // What is on the screen.

  const show = (): void => {
    context.update((state) => state, 'now');
    shown.resolve();
  };

  /** Begins the turn in the state, unless it has begun. */
  const open = (status: 'submitting' | 'streaming'): void => {
    if (stage !== 'unseen') return;
    stage = 'begun';
    context.update((state) => {
      const begun = beginTurn(state, status);
      const prepared = plan.prepare?.(begun) ?? begun;
      // It may have been stopped before anything was shown.
      return isRunning() ? prepared : freeze(prepared, 'stopping');
    });
  };

  /** Takes over what the run says. `replayed`: what it said before the page was loaded, in one piece. */
  const take = (events: readonly ThreadStreamEvent[], replayed: boolean): void => {
    if (!isLive()) return;
    open('streaming');
    // Whoever was told may have shown another thread, which has nothing of this.
    if (!isLive()) return;
    stage = 'heard';
    const confirms = isPending() && confirmsMessage(events);
    context.update((state) => {
      const next = confirms ? dropOutgoing(state, plan.runId) : state;
      return replayed ? applyReplay(next, events) : applyEvents(next, events);
    });
    if (replayed) show();
    handle.push(events);
    // Effects from before a reload of the page must not happen twice.
    if (!replayed) for (const event of events) if (event.type === 'client_effect') context.onEffect(event);
    if (confirms && context.isAwaited()) void stop('submitting');
  };

  /** Shows the thread of a run that was attached to, even if the run has said nothing. */
  const showAttached = (): void => {
    if (!isLive()) return;
    open('streaming');
    show();
  };

  // Its runs.

  /** Follows one run to its end: sends its request or, without one, attaches to it. */
  const runOnce = async (runId: string, request?: ChatKitRequestInput, isRepeat = false): Promise<RunEnd> => {
    // Whoever was told that the turn has begun may have stopped it, or shown another thread.
    if (!isRunning()) return stopped;
    const isAttached = request === undefined;
    const gate = createReplayGate(clock, (events, replayed) => take(events, replayed && isAttached));
    // Only a run that may have begun before has something to replay.
    if (!isAttached && !isRepeat) gate.open();
    connection = resumeRun({
      ...context.ports,
      policy: context.policy(),
      runId,
      request,
      isRepeat,
      onEvents: gate.push,
      onState: (state) => {
        if (!isLive()) return;
        context.onReach(state.reach);
        context.update((chat) => ({ ...chat, connection: connectionStatus(state) }));
      },
    });
    if (isAttached) {
      const late = clock.setTimeout(showAttached, showByMs);
      void shown.promise.then(() => clock.clearTimeout(late));
    }
    const end = await connection.closed;
    const arrived = isRepeat && endedEarly(end) ? untilMessage(gate.held()) : [];
    if (arrived.length > 0) {
      // The message had arrived and its answer been stopped. A user who sends it again wants a new answer,
      // not a replay of the stopped one.
      take(arrived, false);
      return runOnce(createId('run'), answerAnew(context.get().thread));
    }
    gate.open();
    if (isAttached) showAttached();
    return isInDoubt(end) ? lookUp(end) : end;
  };

  /**
   * Whether only the stored thread can show what became of a run: the server no longer has the run, or the connection
   * was lost before the message was confirmed and the run cannot be asked for by its id.
   */
  const isInDoubt = ({ reason }: RunEnd): boolean =>
    reason === 'gone' || ((reason === 'drop' || reason === 'stall') && isPending() && !context.policy().repeatable);

  const lookUp = async (end: RunEnd): Promise<RunEnd> => {
    if (!isLive()) return end;
    try {
      if (await context.reload(plan.runId, end.error !== undefined, aside.signal))
        return { ...end, outcome: 'completed', error: undefined };
    } catch (error) {
      // `retry()` asks for the run, and so for the thread, once more: a new answer would cost the one that is stored.
      if (end.reason === 'gone' && isChatKitError(error) && mayPass(error, true) && connection)
        return { ...end, error, retryWith: { runId: connection.runId(), request: undefined } };
    }
    return { ...end, error: end.error ?? interrupted() };
  };

  /** Runs client tools and sends their results, until the assistant calls no more. */
  const continueWithTools = async (first: RunEnd): Promise<RunEnd> => {
    let end = first;
    const handler = context.toolHandler;
    // Another tab may be running the tools of a run that was started there.
    if (handler === undefined || !isOwn) return end;
    const seen = new Set<string>();
    while (end.outcome === 'completed' && isRunning()) {
      const calls = pendingToolCalls(context.get().thread).filter(({ id }) => !seen.has(id));
      if (calls.length === 0) break;
      for (const { id } of calls) seen.add(id);
      // A tool may rely on what is on the screen.
      show();
      const outputs = await runTools(calls, handler, {
        signal: aside.signal,
        timeoutMs: context.toolTimeoutMs,
        clock,
      });
      for (const output of context.namesCalls() ? outputs : outputs.slice(-1)) {
        end = await handOver(output);
        // The rest is handed over once this one has been sent again.
        if (end.outcome !== 'completed') break;
      }
    }
    return end;
  };

  const handOver = async (output: ToolOutput): Promise<RunEnd> => {
    if (!isRunning()) return stopped;
    const named = context.namesCalls();
    context.update((state) => ({ ...state, thread: completeCall(state.thread, output, named) }));
    return runOnce(createId('run'), outputRequest(output, named));
  };

  // Its end.

  /** Reports and shows how the turn ended. `before`: the state before the turn. */
  const finish = (last: RunEnd, before: ChatState): void => {
    if (!isLive()) return;
    const end = isRunning() ? last : asStopped(last);
    // An id that is used up cannot carry the message again.
    const nextRunId = isSpent(last) ? createId('run') : undefined;
    /** To be undone, if the request brought no event. What is shown of an attached run stays. */
    const prepare = plan.request && stage === 'begun' ? plan.prepare : undefined;
    const retryPlan = retryPlanOf(end, nextRunId, { prepare, isOwn });
    // First, because whoever is told of the end below may leave the thread.
    settle(end.outcome, end.reason, end.error);
    context.update((state) => {
      const failed = failOutgoing(state, plan.runId, nextRunId);
      const ended = endTurn(failed, end.error && shownFailure(end.error, retryPlan), retryPlan);
      return prepare ? { ...ended, thread: before.thread } : ended;
    }, 'now');
  };

  /** Only the first call counts. */
  const settle = (outcome: RunOutcome, reason: CloseReason, error?: ChatKitError): void => {
    if (phase !== 'waiting' && !isLive()) return;
    phase = 'settled';
    aside.abort();
    shown.resolve();
    settled.resolve();
    handle.settle(outcome, reason, error);
  };

  const stop = async (status: 'stopping' | 'submitting'): Promise<void> => {
    if (phase === 'waiting') {
      if (isPending()) context.update((state) => giveUpOutgoing(state, plan.runId));
      settle('cancelled', 'stop');
    }
    if (isLive()) context.update((state) => freeze(state, status), 'now');
    if (isRunning()) {
      phase = 'stopping';
      aside.abort();
      stopping = connection && cancelRun(connection, context.ports);
    }
    await settled.promise;
  };

  return {
    run: handle.run,
    shown: shown.promise,
    stop: () => stop('stopping'),
    async start() {
      if (phase !== 'waiting') return;
      phase = 'running';
      const before = context.get();
      const request = plan.request?.();
      if (request !== undefined) {
        open('submitting');
        show();
      }
      const isRepeat = plan.isRepeat && !context.isPlain();
      const end = await continueWithTools(await runOnce(plan.runId, request, isRepeat));
      finish(end, before);
      const isHungUp = end.reason === 'stop' && !context.policy().repeatable;
      if (isHungUp) await pause(plainSettleMs, clock);
      phase = 'over';
      if (isHungUp && isPending()) context.lookAgain(plan.runId);
      void stopping?.then((isLate) => isLate && context.lookAgain(plan.runId));
    },
    isOver: () => phase === 'over',
    giveWay() {
      if (!isPending()) void stop('submitting');
    },
    abandon(reason) {
      settle(isLive() ? 'interrupted' : 'cancelled', reason);
      connection?.close(reason);
    },
  };
};
