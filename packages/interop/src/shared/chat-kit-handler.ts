/**
 * The interface to a ChatKit server: a fetch-style handler, in this process or anywhere else. Sends it requests of the
 * ChatKit protocol and decodes the streams that it answers with.
 */
import {
  ChatKitError,
  type ChatKitErrorOptions,
  type ChatKitRequestInput,
  type ThreadStreamEvent,
} from '@chatkit/core';
import { decodeSse } from '@chatkit/transport';

/** A ChatKit server. `ChatKitServer` implements it. */
export interface ChatKitHandler<Context> {
  handle(request: Request, context: Context): Promise<Response>;
}

/**
 * The client of a request: a signal that aborts when it leaves, and the headers for the server's check of hosts and
 * origins.
 */
export interface Caller {
  readonly signal: AbortSignal;
  readonly headers: Readonly<Record<string, string>>;
}

/** The same caller, with additional headers. */
export const withHeaders = (caller: Caller, headers: Readonly<Record<string, string>>): Caller => ({
  ...caller,
  headers: { ...caller.headers, ...headers },
});

/**
 * Sends a streaming request and reads its events. Rejects with the server's error when it refuses. Closing the
 * iterator, or aborting the caller's signal, stops the run.
 */
export const callServer = async <Context>(
  server: ChatKitHandler<Context>,
  request: ChatKitRequestInput,
  context: Context,
  caller: Caller,
): Promise<AsyncIterable<ThreadStreamEvent>> => {
  const call = toRequest(request, caller);
  const response = await server.handle(call, context);
  if (!response.ok || response.body === null) throw await toError(response);
  const events = readEvents(response.body);
  hold(events, call);
  return events;
};

/** Sends a request. Rejects with the server's error when it refuses. */
export const requestServer = async <Context>(
  server: ChatKitHandler<Context>,
  request: ChatKitRequestInput,
  context: Context,
  caller: Caller,
): Promise<Response> => {
  const response = await server.handle(toRequest(request, caller), context);
  if (!response.ok) throw await toError(response);
  return response;
};

/** Sends a request that is answered with JSON. Rejects with the server's error when it refuses. */
export const askServer = async <Answer, Context>(
  server: ChatKitHandler<Context>,
  request: ChatKitRequestInput,
  context: Context,
  caller: Caller,
): Promise<Answer> => (await (await requestServer(server, request, context, caller)).json()) as Answer;

/**
 * Attaches to a run: its frames after an offset, and where the replay of earlier ones ends, if the server says so.
 * `undefined` if the server has no such run for this user, or nothing more of it. The caller counts as its reader until
 * the body is closed or its signal aborts.
 */
export const attachToRun = async <Context>(
  server: ChatKitHandler<Context>,
  runId: string,
  after: string | undefined,
  context: Context,
  { signal, headers }: Caller,
): Promise<{ body: ReadableStream<Uint8Array>; replayTo: string | undefined } | undefined> => {
  const query = new URLSearchParams({ run: runId, ...(after !== undefined && { after }) });
  const request = new Request(`http://chatkit.invalid/?${query}`, { headers, signal });
  const { ok, body, headers: said, status } = await server.handle(request, context);
  if (ok && body !== null && status !== 204) {
    hold(body, request);
    return { body, replayTo: said.get('chatkit-replay-to') ?? undefined };
  }
  await body?.cancel();
  return undefined;
};

const toRequest = (request: ChatKitRequestInput, { signal, headers }: Caller): Request =>
  new Request('http://chatkit.invalid/', {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: toJson(request),
    signal,
  });

const toJson = (request: ChatKitRequestInput): string => {
  try {
    return JSON.stringify(request);
  } catch (cause) {
    // An output of a tool may be nested deeper than the stack allows, or than the server would take.
    throw new ChatKitError('request.too_deep', 'The output of a tool is nested too deep.', { cause });
  }
};

/**
 * Keeps a request alive as long as what it is answered with: a runtime may stop propagating aborts to the request's
 * signal once the request is garbage-collected.
 */
const hold = (answer: object, request: Request): void => void held.set(answer, request);

const held = new WeakMap<object, Request>();

async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ThreadStreamEvent, void, undefined> {
  for await (const frame of decodeSse(body)) {
    if (frame.data !== undefined && frame.event === undefined) yield JSON.parse(frame.data) as ThreadStreamEvent;
  }
}

const toError = async (response: Response): Promise<Refusal> => {
  const body = (await response.json().catch(() => undefined)) as { error?: ServerError } | undefined;
  const {
    code = 'internal',
    message = `The server answered ${response.status}.`,
    retryable = false,
  } = body?.error ?? {};
  return new Refusal(code, message, { retryable }, response);
};

/** An error response of the server, with its status and the time after which it may be asked again. */
export class Refusal extends ChatKitError {
  readonly status: number;
  readonly retryAfter: string | null;

  constructor(code: ChatKitError['code'], message: string, options: ChatKitErrorOptions, response: Response) {
    super(code, message, options);
    this.status = response.status;
    this.retryAfter = response.headers.get('retry-after');
  }
}

interface ServerError {
  code?: ChatKitError['code'];
  message?: string;
  retryable?: boolean;
}
