/**
 * Stops a run on the server. Where runs survive a disconnect, closing the stream is not enough; the server must be
 * asked. Where they do not (the Python SDK's server), closing the stream is all that works.
 */
import { isChatKitError } from '@chatkit/core';
import type { Reach } from './connection-state.ts';
import { isRetryableStatus } from './endpoint.ts';
import type { Clock, PageEvents } from './ports.ts';
import type { ConnectionPorts, RunConnection } from './resume-run.ts';

/** How long the stream may take to report its end after a stop; then it is closed. */
const graceMs = 3_000;
/** How many times to ask about a run that the server does not know yet. With the pauses that is 7 s. */
const triesUntilKnown = 8;
/**
 * How long to keep asking a server that cannot be reached or does not answer, and how long each request may take.
 * Asking twice has the same effect as asking once.
 */
const askForMs = 5 * 60_000;
const answerMs = 10_000;

/**
 * Asks the server to cancel the run, and asks again while the run's own request has not arrived or the network is down.
 * Closes the stream if the run does not end in time. If the request has not got through by then, it is repeated in the
 * background, for minutes, and at once when the network is back: a run that goes on costs money. Resolves when there is
 * nothing more to do: true if the server confirmed the stop but the stream did not report how the run ended.
 */
export const cancelRun = async (connection: RunConnection, ports: ConnectionPorts): Promise<boolean> => {
  const { clock } = ports;
  const timer = clock.setTimeout(() => connection.close('stop'), graceMs);
  const isHeard = tell(connection, ports);
  const { reason } = await connection.closed;
  clock.clearTimeout(timer);
  return (await isHeard) && reason === 'stop';
};

/** Asks until the server answers. True if it confirmed that the run has stopped or is over. */
const tell = async (connection: RunConnection, { endpoint, clock, page }: ConnectionPorts): Promise<boolean> => {
  /**
   * The reach when the server was last asked. What becomes known while it answers must not decide what its answer
   * means.
   */
  let reach: Reach = 'unanswered';
  const until = clock.now() + askForMs;
  for (let attempt = 0; clock.now() < until; attempt += 1) {
    const state = connection.state();
    if (state.phase === 'closed' && state.reason !== 'stop') return false;
    if (state.phase !== 'closed') reach = state.reach;
    if (reach === 'plain') return hangUp(connection);
    try {
      await endpoint.json(
        { type: 'runs.cancel', params: { run_id: connection.runId() } },
        // The user may close the page next.
        { keepalive: true, timeoutMs: answerMs },
      );
      return true;
    } catch (error) {
      if (!mayPass(error, reach, attempt))
        return hangUp(connection) || (reach !== 'unanswered' && isChatKitError(error, 'run.not_found'));
    }
    await pauseUntilOnline(Math.min(100 * 2 ** attempt, 5_000), clock, page);
  }
  return false;
};

const hangUp = (connection: RunConnection): false => {
  connection.close('stop');
  return false;
};

const mayPass = (error: unknown, reach: Reach, attempt: number): boolean => {
  if (!isChatKitError(error)) return false;
  // The request that starts the run may still be on its way.
  if (error.code === 'run.not_found') return reach === 'unanswered' && attempt < triesUntilKnown;
  const status = error.details?.['status'];
  return (
    error.code === 'transport.network' ||
    error.code === 'transport.timeout' ||
    (typeof status === 'number' && status !== 500 && isRetryableStatus(status))
  );
};

/** Waits `ms` of the given clock, or less if the page reports that the network is back. */
const pauseUntilOnline = (ms: number, clock: Clock, page: PageEvents): Promise<void> =>
  new Promise((resolve) => {
    const goOn = () => {
      clock.clearTimeout(timer);
      stopListening();
      resolve();
    };
    const timer = clock.setTimeout(goOn, ms);
    const stopListening = page.listen((signal) => signal === 'online' && goOn());
  });
