/**
 * Loads a thread as a turn in the queue of turns: what the user sends meanwhile waits for it, and if the thread has a
 * run in progress, following that run is part of the turn.
 */
import { type ChatKitError, selectItems } from '@chatkit/core';
import { type ChatState, isAttachable, showStored, showThread } from './chat-state.ts';
import { pendingToolCalls } from './client-tools.ts';
import { deferred } from './deferred.ts';
import { networkError } from './endpoint.ts';
import { loadThread } from './load-thread.ts';
import { createTurn, type Turn } from './turn.ts';
import type { TurnContext } from './turn-context.ts';
import type { LaneTurn } from './turn-lane.ts';

export interface LoadTurn extends LaneTurn {
  /** Resolves when the thread is on the screen, including what its run has said so far; or with the error. */
  readonly shown: Promise<ChatKitError | undefined>;
  stop(): Promise<void>;
}

/** `onFailed` is called before the turns behind this one can start. */
export const createLoadTurn = (
  threadId: string,
  context: TurnContext,
  onFailed: (error: ChatKitError) => void,
): LoadTurn => {
  const abort = new AbortController();
  const shown = deferred<ChatKitError | undefined>();
  let phase: 'loading' | 'over' = 'loading';
  /** The turn that follows the run in progress. */
  let attached: Turn | undefined;

  const load = async (): Promise<void> => {
    const { thread, olderCursor, activeRunId } = await loadThread(
      context.ports.endpoint,
      threadId,
      abort,
      selectItems(context.get().thread),
    );
    if (abort.signal.aborted) return;
    const showAs = (show: typeof showThread) => (state: ChatState) => show(state, thread, olderCursor);
    const { retryPlan: lost } = context.get();
    // Nobody but this page runs the tools of a run that it has begun and lost.
    const isWaitedFor = isAttachable(lost) && lost.isOwn && context.toolHandler && pendingToolCalls(thread).length > 0;
    const runId = activeRunId ?? (isWaitedFor ? lost.runId : undefined);
    // A waiting message would interrupt the run anyway.
    if (runId === undefined || context.isAwaited()) return context.update(showAs(showStored), 'now');
    context.onReach('resumable');
    attached = createTurn({ runId, prepare: showAs(showThread), isOwn: lost?.isOwn && lost.runId === runId }, context);
    void attached.shown.then(() => shown.resolve(undefined));
    await attached.start();
  };

  return {
    shown: shown.promise,
    async start() {
      try {
        await load();
      } catch (caught) {
        const error = networkError(caught);
        // The first call settles it; `abandon()` may have done so.
        shown.resolve(error);
        if (!abort.signal.aborted) onFailed(error);
      }
      shown.resolve(undefined);
      phase = 'over';
    },
    isOver: () => phase === 'over',
    giveWay() {
      attached?.giveWay();
    },
    abandon(reason) {
      abort.abort();
      attached?.abandon(reason);
      shown.resolve(undefined);
    },
    async stop() {
      await attached?.stop();
    },
  };
};
