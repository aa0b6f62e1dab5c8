/**
 * The port to a ChatKit server: a fetch-style handler, in this process or anywhere else. A front end's request becomes
 * one of the protocol's, the answer's stream is read back as events.
 */
import {
  ChatKitError,
  type ChatKitErrorOptions,
  type ChatKitRequestInput,
  type ThreadStreamEvent,
} from '@chatkit/core';
import { decodeSse } from '@chatkit/transport';

/** `ChatKitServer` is one. */
export interface ChatKitHandler<Context> {
  handle(request: Request, context: Context): Promise<Response>;
}

/** Whoever asks: when they leave, and what the server's check of hosts and origins looks at. */
export interface Caller {
  readonly signal: AbortSignal;
  readonly headers: Readonly<Record<string, string>>;
}

/** The same caller, with more headers. */
export const withHeaders = (caller: Caller, headers: Readonly<Record<string, string>>): Caller => ({
  ...caller,
  headers: { ...caller.headers, ...headers },
});

/**
 * Sends a streaming request and reads its events. Rejects with the server's error when it refuses. Stopping the
 * iterable, or aborting the caller's signal, stops the run.
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
  held.set(events, call);
  return events;
};

/** Sends a request that is answered as a whole. Rejects with the server's error when it refuses. */
export const askServer = async <Answer, Context>(
  server: ChatKitHandler<Context>,
  request: ChatKitRequestInput,
  context: Context,
  caller: Caller,
): Promise<Answer> => {
  const response = await server.handle(toRequest(request, caller), context);
  if (!response.ok) throw await toError(response);
  return (await response.json()) as Answer;
};

const toRequest = (request: ChatKitRequestInput, { signal, headers }: Caller): Request =>
  new Request('http://chatkit.invalid/', {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(request),
    signal,
  });

/**
 * Requests by the events that they led to: the signal of a request follows the caller's only while somebody holds the
 * request.
 */
const held = new WeakMap<AsyncIterable<ThreadStreamEvent>, Request>();

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
  return new Refusal(code, message, { retryable }, response.status);
};

/** An error with which the server refused, and the status that it has there. */
export class Refusal extends ChatKitError {
  readonly status: number;

  constructor(code: ChatKitError['code'], message: string, options: ChatKitErrorOptions, status: number) {
    super(code, message, options);
    this.status = status;
  }
}

interface ServerError {
  code?: ChatKitError['code'];
  message?: string;
  retryable?: boolean;
}
