/**
 * One turn of the conversation, from the user's message (or action, or answer) to the end of the assistant's answer.
 * Usually one run; with client tools, a chain of runs that the user sees as one. Its phases are `waiting → running →
 * stopping → settled → over`; independently, `stage` says how much of it is on the screen.
 */
import {
  type ChatKitError,
  type ChatKitRequestInput,
  createId,
  type RunOutcome,
  type ThreadStreamEvent,
} from '@chatkit/core';
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
import type { CloseReason, Reach } from './connection-state.ts';
import { connectionStatus } from './connection-status.ts';
import { deferred } from './deferred.ts';
import { answerAnew, confirmsMessage, untilMessage } from './outgoing-message.ts';
import { pause } from './pause.ts';
import { createReplayGate } from './replay-gate.ts';
import { interrupted, type RunConnection, type RunEnd, resumeRun } from './resume-run.ts';
import { type ChatRun, createRunHandle } from './run-handle.ts';
import { placeReplayed, trimReplay } from './trim-replay.ts';
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

/** How much of a turn is on the screen: nothing; its beginning; events. */
type Stage = 'unseen' | 'shown' | 'begun';

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
  let connection: RunConnection | undefined;
  /** The request of the current run, until it has been answered. */
  let asked: TurnPlan['request'];
  /** What is known of the current run's server. */
  let reach: Reach | undefined;

  const isLive = (): boolean => phase === 'running' || phase === 'stopping';
  /** Whether the turn carries a user's message that is not confirmed as stored, so that stopping might lose it. */
  const isPending = (): boolean => isUnconfirmed(context.get(), plan.runId);

  const show = (): void => {
    context.update((state) => state, 'now');
    shown.resolve();
  };

  /** Shows that the turn has begun. */
  const open = (status: 'submitting' | 'streaming'): void => {
    if (stage !== 'unseen') return;
    stage = 'shown';
    context.update((state) => {
      const begun = beginTurn(state, status);
      const prepared = plan.prepare === undefined ? begun : plan.prepare(begun);
      // It may have been stopped before anything was shown.
      return phase === 'stopping' ? freeze(prepared, 'stopping') : prepared;
    });
  };

  const take = (events: readonly ThreadStreamEvent[], replayed: boolean): void => {
    if (!isLive()) return;
    open('streaming');
    if (events.length > 0) stage = 'begun';
    const confirms = isPending() && confirmsMessage(events);
    context.update((state) => {
      const next = confirms ? dropOutgoing(state, plan.runId) : state;
      if (!replayed) return applyEvents(next, events);
      const fitting = trimReplay(next, events);
      return applyEvents(placeReplayed(next, fitting), fitting);
    });
    if (replayed) show();
    handle.push(events);
    // Effects from before a reload of the page must not happen twice.
    if (!replayed) for (const event of events) if (event.type === 'client_effect') context.onEffect(event);
    if (confirms && context.isAwaited()) void stop('submitting');
  };

  /**
   * Whether only the stored thread can show what became of a run: the server no longer has the run, or the connection
   * was lost before the message was confirmed and the run cannot be asked for by its id.
   */
  const isInDoubt = ({ reason }: RunEnd): boolean =>
    reason === 'gone' || ((reason === 'drop' || reason === 'stall') && isPending() && !context.policy().repeatable);

  const lookUp = async (end: RunEnd): Promise<RunEnd> => {
    if (!isLive()) return end;
    const isThere = await context.reload(plan.runId, end.error !== undefined, aside.signal).catch(() => false);
    return isThere ? { ...end, outcome: 'completed', error: undefined } : { ...end, error: end.error ?? interrupted() };
  };

  const runOnce = async (
    runId: string,
    request: ChatKitRequestInput | undefined,
    isRepeat = false,
  ): Promise<RunEnd> => {
    const isAttached = request === undefined;
    reach = isAttached ? 'resumable' : undefined;
    asked = request && (() => request);
    const gate =
      isAttached || isRepeat
        ? createReplayGate(clock, (events, replayed) => take(events, replayed && isAttached))
        : undefined;
    connection = resumeRun({
      ...context.ports,
      policy: context.policy(),
      runId,
      request,
      isRepeat,
      onEvents: (events, place) => (gate === undefined ? take(events, false) : gate.push(events, place)),
      onState: (state) => {
        if (!isLive()) return;
        if (state.phase === 'open') {
          reach = state.reach;
          asked = undefined;
        }
        if (reach !== undefined) context.onReach(reach);
        context.update((chat) => ({ ...chat, connection: connectionStatus(state) }));
      },
    });
    if (isAttached) {
      const late = clock.setTimeout(() => {
        open('streaming');
        show();
      }, showByMs);
      void shown.promise.then(() => clock.clearTimeout(late));
    }
    const end = await connection.closed;
    const arrived = isRepeat && endedEarly(end) ? untilMessage(gate?.held() ?? []) : [];
    if (arrived.length > 0) {
      // The message had arrived and its answer been stopped. A user who sends it again wants a new answer,
      // not a replay of the stopped one.
      take(arrived, false);
      return phase === 'running' ? runOnce(createId('run'), answerAnew(context.get().thread)) : end;
    }
    gate?.open();
    return isInDoubt(end) ? lookUp(end) : end;
  };

  /** Runs client tools and sends their results, until the assistant calls no more. */
  const continueWithTools = async (first: RunEnd): Promise<RunEnd> => {
    let end = first;
    const handler = context.toolHandler;
    // Another tab may be running the tools of a run that was started there.
    if (handler === undefined || !isOwn) return end;
    const seen = new Set<string>();
    for (;;) {
      if (end.outcome !== 'completed' || phase !== 'running') return end;
      const calls = pendingToolCalls(context.get().thread).filter(({ id }) => !seen.has(id));
      if (calls.length === 0) return end;
      for (const { id } of calls) seen.add(id);
      // A tool may rely on what is on the screen.
      show();
      const outputs = await runTools(calls, handler, {
        signal: aside.signal,
        timeoutMs: context.toolTimeoutMs,
        clock,
      });
      for (const output of context.namesCalls() ? outputs : outputs.slice(-1)) end = await handOver(output);
    }
  };

  const handOver = async (output: ToolOutput): Promise<RunEnd> => {
    if (phase !== 'running') return stoppedHere;
    const named = context.namesCalls();
    context.update((state) => ({ ...state, thread: completeCall(state.thread, output, named) }));
    return runOnce(createId('run'), outputRequest(output, named));
  };

  const settle = (outcome: RunOutcome, reason: CloseReason, error?: ChatKitError): void => {
    phase = 'settled';
    aside.abort();
    shown.resolve();
    settled.resolve();
    handle.settle(outcome, reason, error);
  };

  const finish = (end: RunEnd, before: ChatState): void => {
    if (!isLive() || !connection) return;
    const wasStopped = phase === 'stopping';
    const error = wasStopped ? undefined : end.error;
    // A run that was stopped before it took its message has ended for good; the message needs a new run id.
    const isSpent = end.reason === 'end' || end.error?.code === 'run.cancelled';
    const nextRunId = isSpent ? createId('run') : undefined;
    /** To be undone, if the request brought no event. What is shown of an attached run stays. */
    const prepare = plan.request && stage === 'shown' ? plan.prepare : undefined;
    /** Attaches to the run again, or repeats the request that was not answered. */
    const retryPlan =
      error && end.reason !== 'gone' && reach !== 'plain'
        ? {
            runId: nextRunId ?? connection.runId(),
            request: asked,
            prepare,
            isOwn,
            isRepeat: asked !== undefined,
          }
        : undefined;
    context.update((state) => {
      const ended = endTurn(
        failOutgoing(state, plan.runId, nextRunId),
        error && shownFailure(error, retryPlan),
        retryPlan,
      );
      return prepare ? { ...ended, thread: before.thread } : ended;
    }, 'now');
    if (wasStopped && end.outcome !== 'completed') settle('cancelled', 'stop');
    else settle(end.outcome, end.reason, error);
  };

  const stop = async (status: 'stopping' | 'submitting'): Promise<void> => {
    if (phase === 'waiting') {
      if (isPending()) context.update((state) => giveUpOutgoing(state, plan.runId));
      settle('cancelled', 'stop');
    }
    if (isLive()) context.update((state) => freeze(state, status), 'now');
    if (phase === 'running') {
      phase = 'stopping';
      aside.abort();
      if (connection !== undefined)
        void cancelRun(connection, context.ports).then((isLate) => isLate && context.lookAgain(plan.runId));
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
      const isRepeat = plan.isRepeat && context.policy().repeatable;
      const end = await continueWithTools(await runOnce(plan.runId, request, isRepeat));
      finish(end, before);
      const isHungUp = end.reason === 'stop' && !context.policy().repeatable;
      if (isHungUp) await pause(plainSettleMs, clock);
      phase = 'over';
      if (isHungUp && isPending()) context.lookAgain(plan.runId);
    },
    isOver: () => phase === 'over',
    giveWay() {
      if (!isPending()) void stop('submitting');
    },
    abandon(reason) {
      if (phase === 'waiting' || isLive()) settle(isLive() ? 'interrupted' : 'cancelled', reason);
      connection?.close(reason);
    },
  };
};

/** How a turn ends that was stopped between two of its runs. */
const stoppedHere: RunEnd = { reason: 'stop', outcome: 'cancelled', error: undefined };

/** Whether a run ended before its answer was complete. */
const endedEarly = ({ reason, outcome }: RunEnd): boolean =>
  reason === 'end' && (outcome === 'cancelled' || outcome === 'interrupted');
