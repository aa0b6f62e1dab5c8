import type { ChatKitRequestInput } from '@chatkit/core';
import type { ChatState } from './chat-state.ts';

/** What a turn is made from. */
export interface TurnPlan {
  readonly runId: string;
  /** Makes the request that starts it, called when the turn starts. Absent: attach to the run `runId`. */
  readonly request?: (() => ChatKitRequestInput) | undefined;
  /**
   * Changes the state when the turn starts, for example removes an answer that is to be written anew. Undone if the
   * turn cannot start. For a run that is attached to, shown together with what the run has said so far.
   */
  readonly prepare?: ((state: ChatState) => ChatState) | undefined;
  /** Whether the run to attach to was begun by this client, which lost the connection. */
  readonly isOwn?: boolean | undefined;
  /**
   * Whether the request may have been carried out before. If so, what its run has already said is shown in one piece,
   * or the message is answered anew.
   */
  readonly isRepeat?: boolean | undefined;
}
