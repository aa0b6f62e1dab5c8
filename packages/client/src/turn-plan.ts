import type { ChatKitRequestInput } from '@chatkit/core';
import type { ChatState } from './chat-state.ts';

/** What a turn is made from. */
export interface TurnPlan {
  readonly runId: string;
  /** What starts it, made when its turn has come. Absent: attach to the run `runId`. */
  readonly request?: (() => ChatKitRequestInput) | undefined;
  /**
   * What changes on the screen when it starts, for example what is to be answered anew. Undone if it cannot start. Of an
   * attached run it is shown together with what the run has said so far.
   */
  readonly prepare?: ((state: ChatState) => ChatState) | undefined;
  /** Whether the run that is attached to was begun by this client, which lost it. */
  readonly isOwn?: boolean | undefined;
  /** The request may have been carried out before: what its run has said then is told in one piece, or answered anew. */
  readonly isRepeat?: boolean | undefined;
}
