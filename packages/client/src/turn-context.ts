/** What every turn of a client shares: its environment, the state, and the few things it must ask the client. */

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
  /** Whether a newer turn waits for the current one to give way. */
  readonly isAwaited: () => boolean;
  /** Whether the server is known to lack the extensions. */
  readonly isPlain: () => boolean;
  /** Called with the kind of server that has answered. */
  readonly onReach: (reach: Reach) => void;
  readonly onEffect: (event: Extract<ThreadStreamEvent, { type: 'client_effect' }>) => void;
  /**
   * For a run whose outcome is unknown: shows the thread as stored on the server, and resolves to whether it ends with
   * an answer. With `isUnknown` (the server has no record of the run), only if the thread shows that the run went on.
   */
  readonly reload: (runId: string, isUnknown: boolean, signal: AbortSignal) => Promise<boolean>;
  /**
   * Checks the server again, because what is stored may differ from what is shown: the stream was closed before a stop
   * reached the server, or before the user's message was confirmed.
   */
  readonly lookAgain: (runId: string) => void;
  readonly toolHandler: ClientToolHandler | undefined;
  readonly toolTimeoutMs: number;
  /** Whether the server is known to accept a call's id with its output. */
  readonly namesCalls: () => boolean;
}
