/** Reads the request of a foreign front end and answers it with server-sent events, or says what cannot be read. */
import { ChatKitError, isChatKitError } from '@chatkit/core';
import { encodeSse, eventStreamHeaders, toResponse } from '@chatkit/transport';
import { type Caller, Refusal } from './chat-kit-handler.ts';

/** What a front end is told: the data of each frame, and headers of its protocol. */
export interface ForeignAnswer {
  readonly data: AsyncIterable<string>;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Answers a POST. `turn` gets its JSON, and the caller, whose signal aborts when the client leaves: when the request's
 * own does, or when the body is cancelled. What it throws is the answer.
 */
export const answerForeign = async (
  request: Request,
  maxBodyBytes: number | undefined,
  turn: (input: unknown, caller: Caller) => Promise<ForeignAnswer>,
): Promise<Response> => {
  const left = new AbortController();
  // The body has this, and with it the request, whose signal follows its maker's only while somebody holds it.
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

/** Answers a request with JSON. What `work` throws is the answer. */
export const answerWhole = async (request: Request, work: (caller: Caller) => Promise<unknown>): Promise<Response> => {
  try {
    const answer = await work({ signal: request.signal, headers: checkedHeaders(request) });
    return Response.json(answer, { headers: { 'cache-control': 'no-store' } });
  } catch (error) {
    return errorResponse(error);
  }
};

/** `allowedHosts` and `allowedOrigins` of the server hold for its other fronts, too. */
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
  // Any other type could be sent by a form of another site.
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

/** The status of what is refused here; the server's own refusals have theirs. */
const statusOf: Partial<Record<ChatKitError['code'], number>> = {
  'request.method_not_allowed': 405,
  'request.unsupported_media_type': 415,
  'request.too_large': 413,
  'thread.not_found': 404,
  'attachment.unsupported': 501,
};

/** An error as an answer. What is not ours to tell is an internal error. */
const errorResponse = (error: unknown): Response => {
  const known = isChatKitError(error) ? error : new ChatKitError('internal', 'The server failed.', { retryable: true });
  if (known !== error) console.error('chatkit:', error);
  const { code, message, retryable } = known;
  const status = known instanceof Refusal ? known.status : (statusOf[code] ?? (code === 'internal' ? 500 : 400));
  return Response.json({ error: { code, message, retryable } }, { status });
};
