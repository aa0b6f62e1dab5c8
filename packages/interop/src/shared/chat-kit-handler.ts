/**
 * The port to a ChatKit server: a fetch-style handler, in this process or anywhere else. A front end's request becomes one
 * of the protocol's, the answer's stream is read back as events.
 */
import { ChatKitError, type ChatKitRequestInput, type ThreadStreamEvent } from '@chatkit/core';
import { decodeSse } from '@chatkit/transport';

/** `ChatKitServer` is one. */
export interface ChatKitHandler<Context> {
  handle(request: Request, context: Context): Promise<Response>;
}

/**
 * Sends a streaming request and reads its events. Rejects with the server's error when it refuses. Stopping the iterable,
 * or aborting `signal`, stops the run.
 */
export const callServer = async <Context>(
  server: ChatKitHandler<Context>,
  request: ChatKitRequestInput,
  context: Context,
  signal: AbortSignal,
): Promise<AsyncIterable<ThreadStreamEvent>> => {
  const call = toRequest(request, signal);
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
  signal: AbortSignal,
): Promise<Answer> => {
  const response = await server.handle(toRequest(request, signal), context);
  if (!response.ok) throw await toError(response);
  return (await response.json()) as Answer;
};

const toRequest = (request: ChatKitRequestInput, signal: AbortSignal): Request =>
  new Request('http://chatkit.invalid/', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(request),
    signal,
  });

/** Requests by the events that they led to: the signal of a request follows the caller's only while somebody holds the request. */
const held = new WeakMap<AsyncIterable<ThreadStreamEvent>, Request>();

async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ThreadStreamEvent, void, undefined> {
  for await (const frame of decodeSse(body)) {
    if (frame.data !== undefined && frame.event === undefined) yield JSON.parse(frame.data) as ThreadStreamEvent;
  }
}

const toError = async (response: Response): Promise<ChatKitError> => {
  const body = (await response.json().catch(() => undefined)) as { error?: ServerError } | undefined;
  const {
    code = 'internal',
    message = `The server answered ${response.status}.`,
    retryable = false,
  } = body?.error ?? {};
  return new ChatKitError(code, message, { retryable });
};

interface ServerError {
  code?: ChatKitError['code'];
  message?: string;
  retryable?: boolean;
}
