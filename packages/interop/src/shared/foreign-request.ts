/** Reads the request of a foreign front end and answers it with server-sent events, or with an error as JSON. */
import { ChatKitError, isChatKitError } from '@chatkit/core';
import { type Clock, heartbeat, pipe } from '@chatkit/stream';
import { encodeSse, eventStreamHeaders, toResponse } from '@chatkit/transport';
import { type Caller, Refusal } from './chat-kit-handler.ts';

/** A streaming answer: the data of each frame, and the headers of the front end's protocol. */
export interface ForeignAnswer {
  readonly data: AsyncIterable<string>;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Answers a request with a stream, or with 204 if there is none. `turn` gets a caller whose signal aborts when the
 * client leaves, that is, when the request's own signal aborts or the response body is cancelled. An error of `turn`
 * becomes an error response.
 */
export const answerForeign = async (
  request: Request,
  clock: Clock | undefined,
  turn: (caller: Caller) => Promise<ForeignAnswer | undefined>,
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
    const answer = await turn({ signal: left.signal, headers: checkedHeaders(request) });
    if (answer === undefined) return nothing();
    const { data, headers } = answer;
    const reply = {
      status: 200,
      headers: { ...eventStreamHeaders, ...guarded, ...headers },
      body: keptOpen(frames(data), clock),
    };
    return toResponse(reply, { onDisconnect: leave });
  } catch (error) {
    return errorResponse(error);
  }
};

/** Answers a request with JSON, or with 204 for `undefined`. An error of `work` becomes an error response. */
export const answerWhole = async (request: Request, work: (caller: Caller) => Promise<unknown>): Promise<Response> => {
  try {
    const answer = await work({ signal: request.signal, headers: checkedHeaders(request) });
    return answer === undefined ? nothing() : Response.json(answer, { headers: wholeHeaders });
  } catch (error) {
    return errorResponse(error);
  }
};

/** Keeps pages of other sites from loading a response as an image or a script. It does not affect CORS requests. */
const guarded = { 'x-content-type-options': 'nosniff', 'cross-origin-resource-policy': 'same-origin' };

const notStored = { 'cache-control': 'no-store' };
const wholeHeaders = { ...guarded, ...notStored };

const nothing = (): Response => new Response(null, { status: 204, headers: notStored });

/** The headers that the server checks: `allowedHosts` and `allowedOrigins` apply to these endpoints too. */
const checkedHeaders = ({ headers }: Request): Record<string, string> => {
  const checked: Record<string, string> = {};
  for (const name of ['host', 'origin']) {
    const value = headers.get(name);
    if (value !== null) checked[name] = value;
  }
  return checked;
};

/** With a comment after every 15 s of silence, as the server's own streams have it: proxies cut silent connections. */
const keptOpen = (frames: AsyncIterable<string>, clock: Clock | undefined): AsyncIterable<string> =>
  pipe(frames, heartbeat<string, string>({ everyMs: 15_000, value: comment, ...(clock && { clock }) }));

const comment = encodeSse({ comment: '' });

async function* frames(texts: AsyncIterable<string>): AsyncGenerator<string, void, undefined> {
  // At once, because some servers send a response's headers only with its first byte.
  yield comment;
  for await (const data of texts) yield encodeSse({ data });
}

/** Whether a value can name a conversation or a request. Names are remembered, so they are short. */
export const isName = (value: unknown): value is string => typeof value === 'string' && value.length <= 1_000;

/** The JSON of a POST. Throws a `ChatKitError` that names what is wrong. */
export const readJson = async (request: Request, maxBodyBytes = 8 * 1024 * 1024): Promise<unknown> => {
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

/**
 * The statuses of errors from this package, and of those with which an application refuses a file. The server's own
 * error responses keep theirs.
 */
const statusOf: Partial<Record<ChatKitError['code'], number>> = {
  'request.unauthorized': 401,
  'request.forbidden': 403,
  'request.rate_limited': 429,
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
  const { status, retryAfter } =
    known instanceof Refusal
      ? known
      : { status: statusOf[code] ?? (code === 'internal' ? 500 : 400), retryAfter: null };
  const headers = { ...wholeHeaders, ...(retryAfter !== null && { 'retry-after': retryAfter }) };
  return Response.json({ error: { code, message, retryable } }, { status, headers });
};
