/**
 * `examine()`: sends a message to a server, times the arrival of the answer, and probes the server on other connections
 * whenever the stream stalls.
 */
import { createId, type RunOutcome } from '@chatkit/core';
import { forEach, from, pipe } from '@chatkit/stream';
import { type Ending, type Finding, findingsOf } from './findings.ts';
import { type Measures, measure } from './measure.ts';
import { createRecorder, type Read, type Recording } from './recording.ts';
import { createStallWatch, type Movement, type Stall } from './stall-watch.ts';
import { type Asking, ask } from './take-evidence.ts';
import { isFault } from './verdict.ts';

/** The options of {@link examine}. */
export interface ExamineOptions {
  /** The endpoint of a ChatKit server. */
  readonly url: string | URL;
  /** The message that is sent. Default: `Hello`. */
  readonly message?: string | undefined;
  /** Sent with every request, for example `authorization`. */
  readonly headers?: RequestInit['headers'] | undefined;
  /** How long the stream may have no event before it counts as stalled. Default 2,000. */
  readonly stallMs?: number | undefined;
  /** How long each probe during a stall may take. Default 2,000. */
  readonly probeMs?: number | undefined;
  /** The time limit of the examination. Default 120,000. */
  readonly limitMs?: number | undefined;
  /** Keeps the thread that the message creates instead of deleting it at the end. Default false. */
  readonly keepThread?: boolean | undefined;
  /** Ends the examination early; the report has what is known by then. */
  readonly signal?: AbortSignal | undefined;
  /** Default: the runtime's. */
  readonly fetch?: typeof fetch | undefined;
}

/** The result of an examination. Times are since the request was sent. */
export interface Report {
  readonly url: string;
  /** Whether nothing needs fixing: no finding is a fault, and every stall was the model's or unexplained. */
  readonly isHealthy: boolean;
  readonly runId: string | undefined;
  readonly status: number | undefined;
  readonly ending: Ending;
  readonly outcome: RunOutcome | undefined;
  readonly headMs: number | undefined;
  readonly endMs: number;
  readonly measures: Measures;
  readonly reads: readonly Read[];
  readonly stalls: readonly Stall[];
  readonly findings: readonly Finding[];
}

/**
 * Examines a server by sending one message to its model. It never rejects because of what the server does, which is
 * what it reports. A run that is not over at the end is stopped, and the thread is deleted.
 *
 * @throws {TypeError} for an invalid URL.
 * @example
 * const { stalls, findings } = await examine({ url: 'https://app.example/chatkit' });
 */
export const examine = async (options: ExamineOptions): Promise<Report> => {
  const { stallMs = 2_000, limitMs = 120_000, message = 'Hello', keepThread = false } = options;
  const limit = AbortSignal.timeout(limitMs);
  const signal = options.signal ? AbortSignal.any([options.signal, limit]) : limit;
  const asking = askingOf(options, signal);
  const ownRunId = createId('run');
  const startedAt = performance.now();
  const elapsedMs = (): number => performance.now() - startedAt;
  const recording = createRecorder(elapsedMs);
  let response: Response | undefined;
  let headMs: number | undefined;
  /** The id that was requested, until the response says which one the run has, if any. */
  const runId = (): string | undefined =>
    response === undefined ? ownRunId : (response.headers.get('chatkit-run-id') ?? undefined);

  const { watch, stalls } = createStallWatch({
    asking,
    recording,
    stallMs,
    elapsedMs,
    isOpen: () => response !== undefined,
    runId,
  });

  async function* movements(): AsyncGenerator<Movement, void> {
    response = await asking.fetch(asking.url, {
      method: 'POST',
      headers: new Headers([...asking.headers, ['chatkit-run-id', ownRunId]]),
      body: JSON.stringify(question(message)),
      signal,
    });
    headMs = elapsedMs();
    yield { events: 0 };
    if (!response.body || !isEventStream(response)) return;
    for await (const chunk of from(response.body)) {
      const events = recording.take(chunk);
      if (events > 0) yield { events };
    }
  }

  let broken: { readonly error: unknown } | undefined;
  try {
    await pipe(
      movements(),
      watch,
      forEach(() => {}),
    );
  } catch (error) {
    broken = { error };
  }
  const endMs = elapsedMs();
  const ending = endingOf(response, recording, broken !== undefined, signal.aborted);
  const reason = ending === 'no_stream' ? await errorOf(response) : broken && messageOf(broken.error);
  const seen = await stalls();
  // A connection that broke, or a gateway that gave up, says nothing of the run behind it.
  const isOver = ending === 'end' || ending === 'body_end' || (ending === 'no_stream' && (response?.status ?? 0) < 500);
  await tidyUp(asking, isOver ? undefined : (runId() ?? ownRunId), keepThread ? undefined : recording.threadId);

  const measures = measure(recording.reads);
  const findings = findingsOf({
    ending,
    status: response?.status,
    headers: response?.headers ?? new Headers(),
    reason,
    measures,
    recording,
    headMs,
    endMs,
    stalls: seen,
  });
  return {
    url: asking.url,
    isHealthy: !findings.some(({ level }) => level === 'fault') && !seen.some(({ verdict }) => isFault(verdict)),
    runId: response && runId(),
    status: response?.status,
    ending,
    outcome: recording.outcome,
    headMs,
    endMs,
    measures,
    reads: recording.reads,
    stalls: seen,
    findings,
  };
};

const askingOf = (options: ExamineOptions, signal: AbortSignal): Asking => {
  const headers = new Headers(options.headers);
  headers.set('content-type', 'application/json');
  headers.set('chatkit-client', '1');
  return {
    url: new URL(options.url).href,
    headers,
    fetch: options.fetch ?? fetch,
    probeMs: options.probeMs ?? 2_000,
    signal,
  };
};

const question = (text: string): object => ({
  type: 'threads.create',
  params: { input: { content: [{ type: 'input_text', text }], attachments: [], inference_options: {} } },
});

const isEventStream = (response: Response): boolean =>
  response.ok && (response.headers.get('content-type') ?? '').startsWith('text/event-stream');

const endingOf = (
  response: Response | undefined,
  recording: Recording,
  isBroken: boolean,
  isAborted: boolean,
): Ending => {
  if (recording.outcome !== undefined) return 'end';
  if (isAborted) return 'unfinished';
  if (response === undefined) return 'unreachable';
  if (!isEventStream(response)) return 'no_stream';
  if (recording.isHandedOver) return 'handed_over';
  // A server without the extensions sends no terminal frame, so the end of the body is a normal end.
  return isBroken || response.headers.has('chatkit-run-id') ? 'cut' : 'body_end';
};

/**
 * The server's error message. The body of a successful response that is not a stream is cancelled unread, because it
 * may never end.
 */
const errorOf = async (response: Response | undefined): Promise<string | undefined> => {
  try {
    if (response === undefined || response.ok) return void (await response?.body?.cancel());
    const { error } = JSON.parse(await response.text()) as { error?: { code?: string; message?: string } };
    return error && [error.code, error.message].filter(Boolean).join(', ');
  } catch {
    return undefined;
  }
};

/** The error of `fetch` only says that it failed; its cause says why. */
const messageOf = (error: unknown): string => {
  const { message, cause } = error instanceof Error ? error : { message: String(error), cause: undefined };
  return cause instanceof Error && cause.message !== '' ? cause.message : message;
};

/**
 * Stops the run and deletes the thread. Errors are ignored, because a server that fails here has been reported on
 * already.
 */
const tidyUp = async (asking: Asking, runId: string | undefined, threadId: string | undefined): Promise<void> => {
  const requests = [
    ...(runId === undefined ? [] : [{ type: 'runs.cancel', params: { run_id: runId } }]),
    ...(threadId === undefined ? [] : [{ type: 'threads.delete', params: { thread_id: threadId } }]),
  ];
  for (const request of requests) await ask(asking, request, AbortSignal.timeout(asking.probeMs)).catch(() => {});
};
