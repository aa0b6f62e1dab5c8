/**
 * Stops a run on the server. Where runs survive a disconnect, closing the stream is not enough; the server must be
 * asked. Where they do not (the Python SDK's server), closing the stream is all that works.
 */
import { isChatKitError } from '@chatkit/core';
import type { Reach } from './connection-state.ts';
import { type Endpoint, mayPass } from './endpoint.ts';
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
 * What came of asking. `cancelled`: the server stops the run, and its stream will report that. `gone`: the server had
 * the run and no longer has it. `retry`: asking again may help. `failed`: it will not.
 */
type Answer = 'cancelled' | 'gone' | 'retry' | 'failed';

/**
 * Asks the server to cancel the run, and asks again while the run's own request has not arrived or the network is down.
 * Closes the stream if the run does not end in time. If the request has not got through by then, it is repeated in the
 * background, for minutes, and at once when the network is back: a run that goes on costs money. Resolves when there is
 * nothing more to do: true if the server confirmed the stop but the stream did not report how the run ended.
 */
export const cancelRun = async (connection: RunConnection, ports: ConnectionPorts): Promise<boolean> => {
  const { clock } = ports;
  const timer = clock.setTimeout(() => connection.close('stop'), graceMs);
  void connection.closed.then(() => clock.clearTimeout(timer));
  const answer = await askUntilAnswered(connection, ports);
  if (answer !== 'cancelled') connection.close('stop');
  const { reason } = await connection.closed;
  return reason === 'stop' && answer !== 'failed';
};

/** Asks again and again while that may help and the run has not ended by itself. */
const askUntilAnswered = async (
  connection: RunConnection,
  { endpoint, clock, page }: ConnectionPorts,
): Promise<Exclude<Answer, 'retry'>> => {
  const until = clock.now() + askForMs;
  for (let attempt = 0; clock.now() < until; attempt += 1) {
    const state = connection.state();
    if (state.phase === 'closed' && state.reason !== 'stop') break;
    const answer = await askOnce(connection.runId(), state.reach, attempt, endpoint);
    if (answer !== 'retry') return answer;
    await pauseUntilOnline(Math.min(100 * 2 ** attempt, 5_000), clock, page);
  }
  return 'failed';
};

/** `reach`: from before the request. What becomes known meanwhile must not decide what its answer means. */
const askOnce = async (runId: string, reach: Reach, attempt: number, endpoint: Endpoint): Promise<Answer> => {
  if (reach === 'plain') return 'failed';
  try {
    await endpoint.json(
      { type: 'runs.cancel', params: { run_id: runId } },
      // The user may close the page next.
      { keepalive: true, timeoutMs: answerMs },
    );
    return 'cancelled';
  } catch (error) {
    if (!isChatKitError(error, 'run.not_found')) return isPassing(error, reach) ? 'retry' : 'failed';
    if (reach === 'resumable') return 'gone';
    // The request that starts the run may still be on its way.
    return attempt < triesUntilKnown ? 'retry' : 'failed';
  }
};

/** Whether the network or a gateway failed, and not the server, which says 500. */
const isPassing = (error: unknown, reach: Reach): boolean =>
  isChatKitError(error) && error.details?.['status'] !== 500 && mayPass(error, reach === 'resumable');

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
