/** Reads the request of a foreign front end and answers it with server-sent events, or with an error as JSON. */
import { ChatKitError, isChatKitError } from '@chatkit/core';
import { encodeSse, eventStreamHeaders, toResponse } from '@chatkit/transport';
import { type Caller, Refusal } from './chat-kit-handler.ts';

/** A streaming answer: the data of each frame, and the headers of the front end's protocol. */
export interface ForeignAnswer {
  readonly data: AsyncIterable<string>;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Answers a POST. `turn` gets the parsed body, and a caller whose signal aborts when the client leaves, that is, when
 * the request's own signal aborts or the response body is cancelled. An error of `turn` becomes an error response.
 */
export const answerForeign = async (
  request: Request,
  maxBodyBytes: number | undefined,
  turn: (input: unknown, caller: Caller) => Promise<ForeignAnswer>,
): Promise<Response> => {
  const left = new AbortController();
  // The response's body keeps this function alive and thereby the request. A runtime may stop propagating aborts to
  // `request.signal` once the request is garbage-collected.
  const leave = (): void => {
    request.signal.removeEventListener('abort', leave);
    left.abort();
  };
  request.signal.addEventListener('abort', leave);
  if (request.signal.aborted) leave();
  try {
    const { data, headers } = await turn(await readJson(request, maxBodyBytes), {
      signal: left.signal,
      headers: checkedHeaders(request),
    });
    const reply = { status: 200, headers: { ...eventStreamHeaders, ...headers }, body: frames(data) };
    return toResponse(reply, { onDisconnect: leave });
  } catch (error) {
    return errorResponse(error);
  }
};

/** Answers a request with JSON. An error of `work` becomes an error response. */
export const answerWhole = async (request: Request, work: (caller: Caller) => Promise<unknown>): Promise<Response> => {
  try {
    const answer = await work({ signal: request.signal, headers: checkedHeaders(request) });
    return Response.json(answer, { headers: { 'cache-control': 'no-store' } });
  } catch (error) {
    return errorResponse(error);
  }
};

/** The headers that the server checks: `allowedHosts` and `allowedOrigins` apply to these endpoints too. */
const checkedHeaders = ({ headers }: Request): Record<string, string> => {
  const checked: Record<string, string> = {};
  for (const name of ['host', 'origin']) {
    const value = headers.get(name);
    if (value !== null) checked[name] = value;
  }
  return checked;
};

async function* frames(texts: AsyncIterable<string>): AsyncGenerator<string, void, undefined> {
  for await (const data of texts) yield encodeSse({ data });
}

/** The JSON of a POST. Throws a `ChatKitError` that names what is wrong. */
const readJson = async (request: Request, maxBodyBytes = 8 * 1024 * 1024): Promise<unknown> => {
  if (request.method !== 'POST') throw new ChatKitError('request.method_not_allowed', 'Use POST.');
  // A form on another site could send other types.
  if (!/^application\/json\b/i.test(request.headers.get('content-type') ?? '')) {
    throw new ChatKitError('request.unsupported_media_type', 'The body must be application/json.');
  }
  let size = 0;
  let text = '';
  const decoder = new TextDecoder();
  // Firefox has no `Request.body`.
  const body = request.body === undefined ? [new Uint8Array(await request.arrayBuffer())] : (request.body ?? []);
  for await (const chunk of body) {
    size += chunk.byteLength;
    if (size > maxBodyBytes) throw new ChatKitError('request.too_large', `The body is over ${maxBodyBytes} bytes.`);
    text += decoder.decode(chunk, { stream: true });
  }
  try {
    return JSON.parse(text + decoder.decode());
  } catch (cause) {
    throw new ChatKitError('request.invalid_json', 'The body is not JSON.', { cause });
  }
};

/** The statuses of errors from this package. The server's own error responses keep theirs. */
const statusOf: Partial<Record<ChatKitError['code'], number>> = {
  'request.method_not_allowed': 405,
  'request.unsupported_media_type': 415,
  'request.too_large': 413,
  'thread.not_found': 404,
  'attachment.unsupported': 501,
};

/** An error as a response. Unexpected errors are reported as `internal`, without details. */
const errorResponse = (error: unknown): Response => {
  const known = isChatKitError(error)
    ? error
    : new ChatKitError('internal', 'Something went wrong on the server.', { retryable: true });
  if (known !== error) console.error('chatkit:', error);
  const { code, message, retryable } = known;
  const status = known instanceof Refusal ? known.status : (statusOf[code] ?? (code === 'internal' ? 500 : 400));
  return Response.json({ error: { code, message, retryable } }, { status });
};
