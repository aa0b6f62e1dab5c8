/**
 * Probes the server while a stream stalls: opens a second stream of the same run, and sends four requests with short
 * responses: one needs no storage, one reads the store, one the lease, and one has the store write. `verdict.ts` draws
 * the conclusion.
 */
import { createId } from '@chatkit/core';
import { createSseDecoder } from '@chatkit/transport';
import { MAX_EVENT_BYTES } from './recording.ts';
import type { Evidence, Reply, Witness } from './verdict.ts';

/** How requests are sent to the server. */
export interface Asking {
  readonly url: string;
  readonly headers: Headers;
  readonly fetch: typeof fetch;
  /** How long a response may take. A second stream counts as silent if it brings nothing in this time. */
  readonly probeMs: number;
  readonly signal: AbortSignal;
}

/** How far the stalled connection has come in the run. */
export interface Place {
  /** Without an id the run cannot be looked up. */
  readonly runId: string | undefined;
  readonly offset: string | undefined;
  /** The thread that the examination has made. Without it nothing can be written. */
  readonly threadId: string | undefined;
  /** Whether events have arrived on the stalled connection since the probes were sent. */
  hasMoved(): boolean;
}

/** The results of all probes. */
export interface Answers extends Pick<Evidence, 'bare' | 'reply' | 'lookup' | 'write' | 'witness'> {
  /** The status of the second stream's response, if there was one. */
  readonly witnessStatus: number | undefined;
}

/**
 * Runs all probes at once. Takes `probeMs` at most, or a moment more if the second stream is ahead; never rejects.
 */
export const takeEvidence = async (asking: Asking, place: Place): Promise<Answers> => {
  const whole = Promise.all([
    askForNothing(asking),
    askWhole(asking, { type: 'threads.list', params: { limit: 1 } }),
    // A run that does not exist: looking it up needs the lease, and the response is an error.
    place.runId === undefined
      ? ('impossible' as const)
      : askWhole(asking, { type: 'runs.cancel', params: { run_id: createId('run') } }),
    // The doctor's own thread; a title that it has is not written again.
    place.threadId === undefined
      ? ('impossible' as const)
      : askWhole(asking, {
          type: 'threads.update',
          params: { thread_id: place.threadId, title: `Examined at ${new Date().toISOString()}` },
        }),
  ]);
  const second: SecondStream = { isOpen: false };
  const stoodStill = whole.then(() => pause(SAME_MOMENT_MS)).then(() => !second.isOpen && !place.hasMoved());
  const [[bare, reply, lookup, write], seen] = await Promise.all([whole, askForRun(asking, place, second)]);
  const answers = { bare, reply, lookup, write, ...seen };
  if (seen.witness !== 'ahead' && seen.witness !== 'level') return answers;
  // The model may have gone on just now: then the events are on their way on both connections.
  if (seen.witness === 'ahead') await pause(Math.min(asking.probeMs, SAME_MOMENT_MS));
  if (!place.hasMoved()) return answers;
  // What collects streams lets go of both when the run has ended: while the first stood still, the second was silent.
  return { ...answers, witness: (await stoodStill) ? 'silent' : 'level' };
};

/** The second connection to the run. */
interface SecondStream {
  /** Whether it has brought a byte. */
  isOpen: boolean;
}

/** How far apart two connections may deliver the same event. */
const SAME_MOMENT_MS = 250;

/** Sends a request besides the stream. Resolves when the whole response has arrived. */
export const ask = async (asking: Asking, request: object, signal: AbortSignal): Promise<Response> => {
  const response = await asking.fetch(asking.url, {
    method: 'POST',
    headers: asking.headers,
    body: JSON.stringify(request),
    signal,
  });
  await response.arrayBuffer();
  return response;
};

/** A HEAD request, which a ChatKit server refuses before it looks anything up. */
const askForNothing = (asking: Asking): Promise<Reply> =>
  replyTo(asking, (signal) => asking.fetch(asking.url, { method: 'HEAD', headers: asking.headers, signal }));

const askWhole = (asking: Asking, request: object): Promise<Reply> =>
  replyTo(asking, (signal) => ask(asking, request, signal));

const replyTo = async (asking: Asking, answer: (signal: AbortSignal) => Promise<Response>): Promise<Reply> => {
  const limit = limitOf(asking);
  try {
    const { status } = await answer(limit);
    // These statuses come from a gateway: the server behind it does not answer, or cannot be reached. From 520 they are
    // Cloudflare's.
    if (status === 504 || status === 524) return 'silent';
    return status === 502 || status === 503 || (status >= 520 && status <= 530) ? 'unreachable' : 'answered';
  } catch {
    return limit.aborted ? 'silent' : 'unreachable';
  }
};

type Seen = Pick<Answers, 'witness' | 'witnessStatus'>;

const askForRun = async (asking: Asking, { runId, offset }: Place, second: SecondStream): Promise<Seen> => {
  if (runId === undefined) return { witness: 'impossible', witnessStatus: undefined };
  const url = new URL(asking.url);
  url.searchParams.set('run', runId);
  if (offset !== undefined) url.searchParams.set('after', offset);
  const headers = new Headers(asking.headers);
  headers.delete('content-type');
  headers.set('accept', 'text/event-stream');
  const limit = limitOf(asking);
  let witness: Witness = 'silent';
  let witnessStatus: number | undefined;
  try {
    const response = await asking.fetch(url, { headers, signal: limit });
    witnessStatus = response.status;
    if (response.status === 200 && response.body) {
      for await (const newer of newerEvents(response.body)) {
        second.isOpen = true;
        witness = newer ? 'ahead' : 'level';
        if (newer) break;
      }
    } else {
      await response.body?.cancel();
      witness = withoutStream(response.status);
    }
  } catch {
    if (!limit.aborted) witness = 'refused';
  }
  return { witness, witnessStatus };
};

/** Yields after each read whether an event has arrived yet. The priming frame and heartbeats are not events. */
async function* newerEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<boolean, void> {
  let events = 0;
  const decoder = createSseDecoder(
    ({ data }) => {
      if (data !== undefined) events += 1;
    },
    { maxEventBytes: MAX_EVENT_BYTES },
  );
  for await (const chunk of body) {
    decoder.push(chunk);
    yield events > 0;
  }
}

const withoutStream = (status: number): Witness => {
  if (status === 204) return 'ahead'; // nothing follows: the run is over, which the first connection was not told
  return status === 404 || status === 410 ? 'unknown' : 'refused';
};

const limitOf = ({ signal, probeMs }: Asking): AbortSignal => AbortSignal.any([signal, AbortSignal.timeout(probeMs)]);

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
