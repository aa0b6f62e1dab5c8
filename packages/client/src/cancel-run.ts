/**
 * Stops a run at its source. Closing a stream is not enough where runs survive a disconnect, and asking is pointless where
 * they do not: a server of the reference is stopped by hanging up.
 */
import { isChatKitError } from '@chatkit/core';
import type { Clock } from './ports.ts';
import { isRetryableStatus } from './requests.ts';
import type { ConnectionPorts, RunConnection } from './resume-run.ts';

/** How long the stream may take to tell of its end once a stop was asked for. */
const graceMs = 3_000;
const tries = 8;

/**
 * Asks the server to cancel, again while the run's own request has not reached it or the network is down, and hangs up when
 * the run does not end in time. Resolves when the connection is closed; a server that has not heard is told in the
 * background for some seconds more.
 */
export const cancelRun = async (connection: RunConnection, { endpoint, clock }: ConnectionPorts): Promise<void> => {
  const timer = clock.setTimeout(() => connection.close('stop'), graceMs);
  void tell(connection, { endpoint, clock });
  await connection.closed;
  clock.clearTimeout(timer);
};

const tell = async (
  connection: RunConnection,
  { endpoint, clock }: Pick<ConnectionPorts, 'endpoint' | 'clock'>,
): Promise<void> => {
  for (let attempt = 0; attempt < tries; attempt += 1) {
    const state = connection.state();
    if (state.phase === 'closed' && state.reason !== 'stop') return;
    if (state.phase !== 'closed' && state.reach === 'plain') return connection.close('stop');
    try {
      return await endpoint.json(
        { type: 'runs.cancel', params: { run_id: connection.runId() } },
        // The user may well close the page next.
        { keepalive: true },
      );
    } catch (error) {
      if (!mayPass(error, connection)) return connection.close('stop');
    }
    await pause(Math.min(100 * 2 ** attempt, 2_000), clock);
  }
};

const mayPass = (error: unknown, connection: RunConnection): boolean => {
  if (!isChatKitError(error)) return false;
  const state = connection.state();
  // The request that starts it is still on its way.
  if (error.code === 'run.not_found') return state.phase !== 'closed' && state.reach === 'unanswered';
  const status = error.details?.['status'];
  return (
    error.code === 'transport.network' || (typeof status === 'number' && status !== 500 && isRetryableStatus(status))
  );
};

/** A moment of the given clock. */
export const pause = (ms: number, clock: Clock): Promise<void> =>
  new Promise((resolve) => {
    clock.setTimeout(resolve, ms);
  });
