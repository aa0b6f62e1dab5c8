/**
 * Stops a run at its source. Closing a stream is not enough where runs survive a disconnect, and asking is pointless where
 * they do not: a server of the reference is stopped by hanging up.
 */
import { isChatKitError } from '@chatkit/core';
import type { Reach } from './connection-state.ts';
import { isRetryableStatus } from './endpoint.ts';
import type { Clock, PageEvents } from './ports.ts';
import type { ConnectionPorts, RunConnection } from './resume-run.ts';

/** How long the stream may take to tell of its end once a stop was asked for. */
const graceMs = 3_000;
/** How often a run is asked for that the server does not know yet: for 7 s. */
const triesUntilKnown = 8;
/**
 * How long a server is asked that cannot be reached or does not answer, and how long it may take each time: asking
 * twice is the same as once.
 */
const askForMs = 5 * 60_000;
const answerMs = 10_000;

/**
 * Asks the server to cancel, again while the run's own request has not reached it or the network is down, and hangs up when
 * the run does not end in time. A server that has not heard by then is told in the background, for minutes more and at once
 * when the network is back: a run that goes on costs money. Resolves when there is nothing more to do, with whether the
 * server has answered, and the stream had not told how the run ended.
 */
export const cancelRun = async (connection: RunConnection, ports: ConnectionPorts): Promise<boolean> => {
  const { clock } = ports;
  const timer = clock.setTimeout(() => connection.close('stop'), graceMs);
  const isHeard = tell(connection, ports);
  const { reason } = await connection.closed;
  clock.clearTimeout(timer);
  return (await isHeard) && reason === 'stop';
};

/** Whether the server has said that it is stopped, or was over. */
const tell = async (connection: RunConnection, { endpoint, clock, page }: ConnectionPorts): Promise<boolean> => {
  /** As it was when the server was last asked: what is known by the time that it answers says nothing about its answer. */
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
        // The user may well close the page next.
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
  // The request that starts it was still on its way.
  if (error.code === 'run.not_found') return reach === 'unanswered' && attempt < triesUntilKnown;
  const status = error.details?.['status'];
  return (
    error.code === 'transport.network' ||
    error.code === 'transport.timeout' ||
    (typeof status === 'number' && status !== 500 && isRetryableStatus(status))
  );
};

/** A moment of the given clock, or less if the page says that the network is back. */
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
