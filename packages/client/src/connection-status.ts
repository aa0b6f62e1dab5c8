/** What a screen says of the connection under a run. */
import type { ConnectionState } from './connection-state.ts';

/**
 * The connection under the current run. `silent`: it is alive, but the assistant has said nothing for a while.
 * `reconnecting`: it broke; the run goes on, and so does the client as soon as it can.
 */
export type ConnectionStatus = 'none' | 'connecting' | 'live' | 'silent' | 'reconnecting';

/** The status that a state of the machine is shown as. */
export const connectionStatus = (state: ConnectionState): ConnectionStatus => {
  switch (state.phase) {
    case 'connecting':
      if (state.handedOver !== undefined) return state.handedOver.silent ? 'silent' : 'live';
      return state.attempt === 1 ? 'connecting' : 'reconnecting';
    case 'open':
      return state.silent ? 'silent' : 'live';
    case 'closed':
      return 'none';
    default:
      return 'reconnecting';
  }
};
