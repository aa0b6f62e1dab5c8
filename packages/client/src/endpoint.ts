/** Requests over `fetch`: what a JSON answer is, what an error is, which headers go along, and how long an answer may take. */
import {
  ChatKitError,
  type ChatKitErrorOptions,
  type ChatKitRequestInput,
  type ErrorCode,
  isChatKitError,
} from '@chatkit/core';
import type { Clock } from './ports.ts';
import { within } from './within.ts';

/**
 * Headers for every request, or a function that makes them anew for each, for example with a fresh token. `refused`: the status
 * with which the server has just refused those that it gave; the same request goes out once more with what it gives now.
 *
 * @example
 * const headers: HeadersSource = async (refused) => ({ authorization: `Bearer ${await token({ renew: refused !== undefined })}` });
 */
export type HeadersSource = HeadersLike | ((refused?: 401 | 403) => HeadersLike | Promise<HeadersLike>);

/**
 * What `fetch` takes as headers. By way of `RequestInit`, which Node's types have, too, where `HeadersInit` is the
 * DOM's alone.
 */
export type HeadersLike = NonNullable<RequestInit['headers']>;

export interface EndpointOptions {
  url: string | URL;
  fetch?: typeof globalThis.fetch | undefined;
  headers?: HeadersSource | undefined;
  credentials?: RequestInit['credentials'] | undefined;
  /** Whether to ask for the extensions of DESIGN §4. Default `true`. */
  extensions?: boolean | undefined;
  /** How long a request may take that does not say so itself. Default 30,000. */
  requestTimeoutMs?: number | undefined;
  clock: Clock;
}

/** What one request can be told. */
export interface RequestOptions {
  /** Calls the request off; it then rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** How long it may take, to the last byte of the answer. Default: the client's `requestTimeoutMs`. */
  timeoutMs?: number | undefined;
  /** Lets the request outlive the page. */
  keepalive?: boolean | undefined;
}

/** The one endpoint that everything is asked of. */
export interface Endpoint {
  /** Asks for JSON. Throws `ChatKitError`: the server's own, `transport.status`, `transport.network` or `transport.timeout`. */
  json<T>(request: ChatKitRequestInput, options?: RequestOptions): Promise<T>;
  /** The same, with the answer's headers. */
  exchange<T>(request: ChatKitRequestInput, options?: RequestOptions): Promise<{ body: T; headers: Headers }>;
  /** Starts a run. `isRepeat`: it may have been asked before. Gives the bare answer. Rejects with what `fetch` rejects with. */
  start(request: ChatKitRequestInput, runId: string, isRepeat: boolean, signal: AbortSignal): Promise<Response>;
  /** Attaches to a run behind `after`. */
  attachTo(runId: string, after: string | undefined, signal: AbortSignal): Promise<Response>;
  /**
   * A request of any other kind with the application's headers, to an address of its own. Rejects with what `fetch`
   * rejects with.
   */
  raw(url: string | URL, init: RequestInit): Promise<Response>;
  /** What `read` makes of the answer to a request of any kind, under the same limits and with the same errors as `json`. */
  answer<T>(
    ask: (signal: AbortSignal) => Promise<Response>,
    read: (response: Response) => Promise<T>,
    options?: RequestOptions,
  ): Promise<T>;
  /** How long a request may take that sends so many bytes. */
  timeoutFor(bytes: number): number;
}

/** What a slow line is thought to send: 64 kbit/s. A file must not be late because it is large. */
const bytesPerMs = 8;

/** Statuses after which other credentials may help. */
const isRefusal = (status: number): status is 401 | 403 => status === 401 || status === 403;

/** Statuses after which the same request may go through. */
export const isRetryableStatus = (status: number): boolean => [408, 425, 429, 500, 502, 503, 504].includes(status);

export const createEndpoint = (options: EndpointOptions): Endpoint => {
  const { url, credentials, clock, extensions = true, requestTimeoutMs = 30_000 } = options;
  const call = async (
    target: string | URL,
    init: RequestInit,
    extra: Record<string, string> = {},
    refused?: 401 | 403,
  ): Promise<Response> => {
    // Not when the client is made: a page's module makes it also where the page is rendered on a server.
    if (!options.fetch && !('location' in globalThis) && !/^[a-z][^/]*:/i.test(String(target))) {
      throw new ChatKitError('transport.network', `Outside of a page the url must be whole, not ${target}.`);
    }
    const source = options.headers;
    const isMade = typeof source === 'function';
    const headers = new Headers(isMade ? await source(refused) : source);
    for (const [name, value] of Object.entries(extra)) headers.set(name, value);
    // Looked up per call, so that a `fetch` that is patched later (a mock, a tracer) is seen; called bare, as browsers demand.
    const send = options.fetch ?? globalThis.fetch;
    const response = await send(target, { ...init, headers, ...(credentials === undefined ? {} : { credentials }) });
    // What was refused was not carried out, so it may go again, a message too.
    if (!isMade || refused !== undefined || !isRefusal(response.status)) return response;
    discard(response);
    return call(target, init, extra, response.status);
  };
  const optIn: Record<string, string> = extensions ? { 'chatkit-client': '1' } : {};
  const post = (
    request: ChatKitRequestInput,
    { signal, keepalive = false }: RequestOptions,
    extra: Record<string, string>,
  ) =>
    call(
      url,
      {
        method: 'POST',
        body: JSON.stringify(request),
        signal: signal ?? null,
        keepalive,
      },
      { ...optIn, 'content-type': 'application/json', ...extra },
    );

  const answer: Endpoint['answer'] = async (ask, read, { signal, timeoutMs = requestTimeoutMs } = {}) => {
    const late = () => lateError(timeoutMs);
    const work = async (called: AbortSignal) => {
      const response = await ask(called);
      if (!response.ok) throw await errorOf(response, clock, called);
      return read(response);
    };
    try {
      return await within(work, { ms: timeoutMs, clock, late, signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw networkError(error);
    }
  };

  const exchange = <T>(request: ChatKitRequestInput, requestOptions: RequestOptions = {}) =>
    answer(
      (signal) => post(request, { ...requestOptions, signal }, { accept: 'application/json' }),
      async (response) => ({ body: await jsonOf<T>(response), headers: response.headers }),
      requestOptions,
    );

  return {
    exchange,
    json: async <T>(request: ChatKitRequestInput, requestOptions?: RequestOptions) =>
      (await exchange<T>(request, requestOptions)).body,
    start: (request, runId, isRepeat, signal) =>
      post(
        request,
        { signal },
        {
          accept: 'text/event-stream',
          ...(extensions && { 'chatkit-run-id': runId, ...(isRepeat && { 'chatkit-repeat': '1' }) }),
        },
      ),
    attachTo(runId, after, signal) {
      const separator = String(url).includes('?') ? '&' : '?';
      const query = `run=${encodeURIComponent(runId)}${after === undefined ? '' : `&after=${encodeURIComponent(after)}`}`;
      return call(
        `${url}${separator}${query}`,
        { signal, cache: 'no-store' },
        { ...optIn, accept: 'text/event-stream' },
      );
    },
    raw: (target, init) => call(target, init),
    answer,
    timeoutFor: (bytes) => requestTimeoutMs + bytes / bytesPerMs,
  };
};

/** The JSON of an answer. What is whole and none, such as the page of a proxy that wants a sign-in, is told from a lost line. */
export const jsonOf = async <T>(response: Response): Promise<T> => {
  const text = await response.text();
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw foreignError(response, 'The server did not answer with JSON.', { cause });
  }
};

/** Lets go of an answer that is not read. */
export const discard = ({ body }: Response): void => void body?.cancel().catch(() => {});

const said = ({ status }: Response): string => `The server answered with status ${status}.`;

/** The error about an answer that is none of this protocol: at a wrong address another server's, a page's or a sign-in's. */
export const foreignError = (
  { status, headers }: Response,
  message: string,
  options?: ChatKitErrorOptions,
): ChatKitError => {
  const type = headers.get('content-type') ?? 'no content';
  const isMisplaced = status === 404 || status === 405 || (status < 400 && !/json|event-stream/.test(type));
  return new ChatKitError(
    isRefusal(status) ? 'request.unauthorized' : 'transport.status',
    isMisplaced ? `There is no ChatKit server at this address (status ${status}, ${type}).` : message,
    { ...options, details: { status } },
  );
};

/**
 * The error that an answer stands for: the server's `{error: {code, message, retryable}}`, or one about the status. Never
 * rejects, and is there within 5 s: the status says most of it, and its text may never come.
 */
export const errorOf = async (response: Response, clock: Clock, signal?: AbortSignal): Promise<ChatKitError> => {
  const { status } = response;
  const text = await shortText(response, clock, signal);
  const sent = envelope(text);
  const isRetryable = isRetryableStatus(status);
  if (sent === undefined) return foreignError(response, said(response), { retryable: isRetryable });
  // Codes are an open set: one of a newer server is passed on as it is.
  return new ChatKitError(sent.code as ErrorCode, sent.message ?? said(response), {
    retryable: sent.retryable ?? isRetryable,
    details: { ...sent.details, status },
  });
};

/** The text of an error is a few lines. A server that sends more, or does not end, is not waited for. */
const maxErrorBytes = 64 * 1024;
const maxErrorMs = 5_000;

/** The text of an error as far as it came. */
const shortText = async ({ body }: Response, clock: Clock, signal: AbortSignal | undefined): Promise<string> => {
  if (!body) return '';
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  const read = async (): Promise<void> => {
    for (let bytes = 0; bytes <= maxErrorBytes; ) {
      const { done, value } = await reader.read();
      if (done) return;
      bytes += value.byteLength;
      text += decoder.decode(value, { stream: true });
    }
  };
  await within(read, { ms: maxErrorMs, clock, late: () => undefined, signal }).catch(() => {});
  void reader.cancel().catch(() => {});
  return text + decoder.decode();
};

/** What an answer that did not come within `timeoutMs` is: the request may have been carried out. */
export const lateError = (timeoutMs: number): ChatKitError =>
  new ChatKitError('transport.timeout', 'The server did not answer in time.', {
    retryable: true,
    details: { timeoutMs },
  });

/** `error` as a `ChatKitError`; what is none already, `fetch` has thrown. */
export const networkError = (error: unknown): ChatKitError =>
  isChatKitError(error)
    ? error
    : new ChatKitError('transport.network', 'The server could not be reached.', { retryable: true, cause: error });

interface Envelope {
  code: string;
  message?: string | undefined;
  retryable?: boolean | undefined;
  details?: Record<string, unknown> | undefined;
}

const envelope = (text: string): Envelope | undefined => {
  try {
    const { error } = JSON.parse(text) as { error?: Envelope };
    return typeof error?.code === 'string' ? error : undefined;
  } catch {
    return undefined;
  }
};
