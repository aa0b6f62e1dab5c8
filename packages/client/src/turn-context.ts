import type { ThreadStreamEvent } from '@chatkit/core';
import type { ChatState } from './chat-state.ts';
import type { ClientToolHandler } from './client-tools.ts';
import type { ConnectionPolicy } from './connection-policy.ts';
import type { Reach } from './connection-state.ts';
import type { ConnectionPorts } from './resume-run.ts';

/** What every turn of a client shares. */
export interface TurnContext {
  readonly ports: ConnectionPorts;
  readonly policy: () => ConnectionPolicy;
  readonly get: () => ChatState;
  /** Changes the state. `now`: tell subscribers at once. */
  readonly update: (step: (state: ChatState) => ChatState, when?: 'now') => void;
  /** Whether a newer turn waits for the one that goes on to give way. */
  readonly isAwaited: () => boolean;
  /** Told what kind of server has answered. */
  readonly onReach: (reach: Reach) => void;
  readonly onEffect: (event: Extract<ThreadStreamEvent, { type: 'client_effect' }>) => void;
  /**
   * The server lost sight of the run: shows the thread as it is stored, and whether there is an answer in it. With
   * `isUnknown`, only if it shows that the run went on.
   */
  readonly reload: (runId: string, isUnknown: boolean, signal: AbortSignal) => Promise<boolean>;
  /**
   * What is stored may not be what is on the screen: the stream was gone when the server heard of a stop, or it was lost before
   * it told of the message.
   */
  readonly lookAgain: (runId: string) => void;
  readonly toolHandler: ClientToolHandler | undefined;
  readonly toolTimeoutMs: number;
  /** Whether the server is known to take a call's id with its output. */
  readonly namesCalls: () => boolean;
}
