/**
 * Sends a message, follows the answer with a stopwatch, and asks the server a second time whenever the stream stands
 * still.
 */
import { createId, type RunOutcome } from '@chatkit/core';
import { forEach, from, pipe } from '@chatkit/stream';
import { type Ending, type Finding, findingsOf } from './findings.ts';
import { type Measures, measure } from './measure.ts';
import { createRecorder, type Read, type Recording } from './recording.ts';
import { createStallWatch, type Movement, type Stall } from './stall-watch.ts';
import { type Asking, ask } from './take-evidence.ts';
import { isFault } from './verdict.ts';

/** What to examine, and how patiently. */
export interface ExamineOptions {
  /** The one endpoint of a ChatKit server. */
  readonly url: string | URL;
  /** What is asked. Default: `Hello`. */
  readonly message?: string | undefined;
  /** Sent with every request, for example `authorization`. */
  readonly headers?: RequestInit['headers'] | undefined;
  /** Without an event for this long the stream counts as stalled. Default 2,000. */
  readonly stallMs?: number | undefined;
  /** How long the questions may take that are asked during a stall. Default 2,000. */
  readonly probeMs?: number | undefined;
  /** The examination ends by then. Default 120,000. */
  readonly limitMs?: number | undefined;
  /** Keeps the thread that the message makes; else it is deleted at the end. Default false. */
  readonly keepThread?: boolean | undefined;
  /** Ends the examination; what is known by then is reported. */
  readonly signal?: AbortSignal | undefined;
  /** Default: the runtime's. */
  readonly fetch?: typeof fetch | undefined;
}

/** What an examination found. Times are since the request was sent. */
export interface Report {
  readonly url: string;
  /** Whether there is nothing to mend: no finding is a fault, and the model alone was slow, if anything. */
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
 * Examines a server with one question to its model. It never rejects for what the server does: that is what it reports.
 * A run that is not over by the end is stopped, and the thread is deleted.
 *
 * @throws {TypeError} for a URL that is none.
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
  /** Our own until the server has said whether it takes it. */
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
  await tidyUp(asking, ending === 'unfinished' ? runId() : undefined, keepThread ? undefined : recording.threadId);

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
  // A server without the extensions has no last word: the end of the body is all that there is.
  return isBroken || response.headers.has('chatkit-run-id') ? 'cut' : 'body_end';
};

/** What a server says of its refusal. A body that is no refusal and no stream is left unread: it may have no end. */
const errorOf = async (response: Response | undefined): Promise<string | undefined> => {
  try {
    if (response === undefined || response.ok) return void (await response?.body?.cancel());
    const { error } = JSON.parse(await response.text()) as { error?: { code?: string; message?: string } };
    return error && [error.code, error.message].filter(Boolean).join(', ');
  } catch {
    return undefined;
  }
};

/** `fetch` says only that it failed; its cause says why. */
const messageOf = (error: unknown): string => {
  const { message, cause } = error instanceof Error ? error : { message: String(error), cause: undefined };
  return cause instanceof Error && cause.message !== '' ? cause.message : message;
};

/** Stops what still runs and deletes what was made. Best effort: a server that cannot do it has been reported on. */
const tidyUp = async (asking: Asking, runId: string | undefined, threadId: string | undefined): Promise<void> => {
  const requests = [
    ...(runId === undefined ? [] : [{ type: 'runs.cancel', params: { run_id: runId } }]),
    ...(threadId === undefined ? [] : [{ type: 'threads.delete', params: { thread_id: threadId } }]),
  ];
  for (const request of requests) await ask(asking, request, AbortSignal.timeout(asking.probeMs)).catch(() => {});
};
