/** The connection status to show on a screen. */
import type { ConnectionState } from './connection-state.ts';

/**
 * The connection under the current run. `silent`: alive, but the assistant has sent nothing for a while.
 * `reconnecting`: it broke; the run goes on, and the client is trying to resume it.
 */
export type ConnectionStatus = 'none' | 'connecting' | 'live' | 'silent' | 'reconnecting';

/** Maps a state of the connection's state machine to the status to show. */
export const connectionStatus = (state: ConnectionState): ConnectionStatus => {
  if ('handedOver' in state && state.handedOver !== undefined) return state.handedOver.silent ? 'silent' : 'live';
  switch (state.phase) {
    case 'connecting':
      return state.attempt === 1 ? 'connecting' : 'reconnecting';
    case 'open':
      return state.silent ? 'silent' : 'live';
    case 'closed':
      return 'none';
    default:
      return 'reconnecting';
  }
};
