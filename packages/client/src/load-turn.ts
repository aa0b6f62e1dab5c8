/**
 * Showing a thread, as a turn of its own: what the user sends meanwhile waits for it, and the run that is in progress in
 * the thread becomes part of it.
 */
import { type ChatKitError, selectItems } from '@chatkit/core';
import { type ChatState, showStored, showThread } from './chat-state.ts';
import { deferred } from './deferred.ts';
import { networkError } from './endpoint.ts';
import { loadThread } from './load-thread.ts';
import { createTurn, type Turn } from './turn.ts';
import type { TurnContext } from './turn-context.ts';
import type { LaneTurn } from './turn-lane.ts';

export interface LoadTurn extends LaneTurn {
  /** Resolves when the thread is on the screen, with what its run has said so far; or with what went wrong. */
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
  /** The run that was in progress. */
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
    // A message that waits will interrupt the run anyway.
    if (activeRunId === undefined || context.isAwaited()) return context.update(showAs(showStored), 'now');
    context.onReach('resumable');
    attached = createTurn({ runId: activeRunId, prepare: showAs(showThread) }, context);
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
        // The first to say something counts: `abandon()`, perhaps.
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
