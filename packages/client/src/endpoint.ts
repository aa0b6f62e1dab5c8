/**
 * Sends the client's requests with `fetch`: sets their headers and time limits, parses JSON answers, and turns failures
 * into `ChatKitError`s.
 */
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
 * Headers for every request, or a function called for each, for example to get a fresh token. `refused`: the status
 * with which the server has just refused its last result; the same request is sent once more with the new one. If it
 * throws, the request is not sent and fails with `request.unauthorized` and the error as its `cause`; only an error of
 * a `fetch` without a network, or a `ChatKitError` that is `retryable`, counts as a lost connection.
 *
 * @example
 * const headers: HeadersSource = async (refused) => ({
 *   authorization: `Bearer ${await token({ renew: refused !== undefined })}`,
 * });
 */
export type HeadersSource = HeadersLike | ((refused?: 401 | 403) => HeadersLike | Promise<HeadersLike>);

/**
 * What `fetch` accepts as headers. Taken from `RequestInit`, because Node's types lack the DOM's `HeadersInit`.
 */
export type HeadersLike = NonNullable<RequestInit['headers']>;

export interface EndpointOptions {
  url: string | URL;
  fetch?: typeof globalThis.fetch | undefined;
  uploadFetch?: typeof globalThis.fetch | undefined;
  headers?: HeadersSource | undefined;
  credentials?: RequestInit['credentials'] | undefined;
  /** Whether to ask for the extensions (PROTOCOL.md, part 2). Default `true`. */
  extensions?: boolean | undefined;
  /** The time limit of requests that do not set their own. Default 30,000. */
  requestTimeoutMs?: number | undefined;
  clock: Clock;
}

/** Options of one request. */
export interface RequestOptions {
  /** Cancels the request, which then rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** The time limit, to the last byte of the answer. Default: the client's `requestTimeoutMs`. */
  timeoutMs?: number | undefined;
  /** Lets the request outlive the page. */
  keepalive?: boolean | undefined;
}

/** The server's single endpoint, as the rest of the client uses it. */
export interface Endpoint {
  /**
   * Sends a request that is answered with JSON. Throws `ChatKitError`: the server's own, `transport.status`,
   * `transport.network` or `transport.timeout`.
   */
  json<T>(request: ChatKitRequestInput, options?: RequestOptions): Promise<T>;
  /** The same, with the answer's headers. */
  exchange<T>(request: ChatKitRequestInput, options?: RequestOptions): Promise<{ body: T; headers: Headers }>;
  /**
   * Sends a request that starts a run; `isRepeat` if it may have been sent before. Resolves with the raw response, and
   * rejects as `fetch` does.
   */
  start(request: ChatKitRequestInput, runId: string, isRepeat: boolean, signal: AbortSignal): Promise<Response>;
  /** Attaches to a run, continuing after the offset `after`. */
  attachTo(runId: string, after: string | undefined, signal: AbortSignal): Promise<Response>;
  /** Sends a file, with the application's headers. Rejects as `fetch` does. */
  upload(url: string, init: RequestInit): Promise<Response>;
  /** The same without them, to an address that must not see the user's token, such as that of a storage service. */
  uploadBare(url: string, init: RequestInit): Promise<Response>;
  /**
   * Sends a request with `ask` and reads its response with `read`, under the same time limit and with the same errors
   * as `json`.
   */
  answer<T>(
    ask: (signal: AbortSignal) => Promise<Response>,
    read: (response: Response) => Promise<T>,
    options?: RequestOptions,
  ): Promise<T>;
  /** The time limit of a request that sends this many bytes. */
  timeoutFor(bytes: number): number;
}

/** The slowest upload to allow for: 64 kbit/s. A file must not time out because it is large. */
const bytesPerMs = 8;

/** Statuses after which new credentials may help. */
const isRefusal = (status: number): status is 401 | 403 => status === 401 || status === 403;

/**
 * Statuses after which the same request may succeed later: all that blame the server, Cloudflare's 520 to 530 among
 * them, but 501, which says that it cannot.
 */
const isRetryableStatus = (status: number): boolean =>
  [408, 425, 429].includes(status) || (status >= 500 && status !== 501);

/**
 * Whether the same request may succeed later. `isKnown`: the server has had the run that the request is about. Then a
 * 404 without a reason is that of a gateway with no machine behind it, as Traefik and Kubernetes say it.
 */
export const mayPass = ({ code, retryable, details }: ChatKitError, isKnown: boolean): boolean =>
  retryable || (isKnown && code === 'transport.status' && details?.['status'] === 404);

export const createEndpoint = (options: EndpointOptions): Endpoint => {
  const { url, credentials, clock, extensions = true, requestTimeoutMs = 30_000 } = options;
  const call = async (
    custom: typeof globalThis.fetch | undefined,
    target: string | URL,
    init: RequestInit,
    extra: Record<string, string> = {},
    refused?: 401 | 403,
  ): Promise<Response> => {
    // Checked here and not when the client is made, because server-side rendering also runs the module that makes it.
    if (!custom && !('location' in globalThis) && !/^[a-z][^/]*:/i.test(String(target))) {
      throw new ChatKitError('transport.network', `Outside a page the url must be absolute, not ${target}.`);
    }
    const source = options.headers;
    const isMade = typeof source === 'function';
    let headers: Headers;
    try {
      headers = new Headers(isMade ? await source(refused) : source);
    } catch (cause) {
      throw headersError(cause);
    }
    for (const [name, value] of Object.entries(extra)) headers.set(name, value);
    // Looked up at each call, so that a `fetch` patched later (by a mock, a tracer) is used; called without a receiver,
    // as browsers demand.
    const send = custom ?? globalThis.fetch;
    const response = await send(target, { ...init, headers, ...(credentials && { credentials }) });
    // A refused request was not carried out, so even a message may be sent again.
    if (!isMade || refused !== undefined || !isRefusal(response.status)) return response;
    discard(response);
    return call(custom, target, init, extra, response.status);
  };
  const optIn = extensions && { 'chatkit-client': '1' };
  const post = (
    request: ChatKitRequestInput,
    { signal, keepalive = false }: RequestOptions,
    extra: Record<string, string>,
  ) =>
    call(
      options.fetch,
      url,
      {
        method: 'POST',
        body: textOf(request),
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
        options.fetch,
        `${url}${separator}${query}`,
        { signal, cache: 'no-store' },
        { ...optIn, accept: 'text/event-stream' },
      );
    },
    upload: (target, init) => call(options.uploadFetch, target, init),
    uploadBare: (target, init) => (options.uploadFetch ?? globalThis.fetch)(target, init),
    answer,
    timeoutFor: (bytes) => requestTimeoutMs + bytes / bytesPerMs,
  };
};

/**
 * Parses the JSON of an answer. A complete body that is not JSON, such as a proxy's sign-in page, gets another error
 * than a lost connection.
 */
export const jsonOf = async <T>(response: Response): Promise<T> => {
  const text = await response.text();
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw foreignError(response, 'The server did not answer with JSON.', { cause });
  }
};

/** A request as text. What the application wants to send may be something that JSON cannot hold. */
const textOf = (request: ChatKitRequestInput): string => {
  try {
    return JSON.stringify(request);
  } catch (cause) {
    throw new ChatKitError('request.invalid', `The request could not be made: ${(cause as Error).message}`, { cause });
  }
};

/** Cancels the body of a response that will not be read. */
export const discard = ({ body }: Response): void => void body?.cancel().catch(() => {});

const said = ({ status }: Response): string => `The server answered with status ${status}.`;

/**
 * The error for an answer that does not follow this protocol: from another server at a wrong address, a web page, a
 * sign-in page. A page in place of an answer may be that of a proxy or of a hotel's network, and worth a retry once the
 * user has signed in.
 */
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
    { retryable: /html/.test(type), ...options, details: { status } },
  );
};

/**
 * The error of a response: the server's `{error: {code, message, retryable}}`, or one made from the status. Never
 * rejects, and resolves within 5 s: the status says most, and the body may never come.
 */
export const errorOf = async (response: Response, clock: Clock, signal?: AbortSignal): Promise<ChatKitError> => {
  const { status } = response;
  const text = await shortText(response, clock, signal);
  const sent = envelope(text);
  const isRetryable = isRetryableStatus(status);
  if (sent === undefined) return foreignError(response, said(response), { retryable: isRetryable });
  // Codes are an open set: that of a newer server is passed on unchanged.
  return new ChatKitError(sent.code as ErrorCode, sent.message ?? said(response), {
    retryable: sent.retryable ?? isRetryable,
    details: { ...sent.details, status },
  });
};

/** An error's body is a few lines. More than that, or a body that does not end, is not waited for. */
const maxErrorBytes = 64 * 1024;
const maxErrorMs = 5_000;

/** The body of an error response, as far as it came. */
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

/** The error when no answer came within `timeoutMs`; the request may have been carried out. */
export const lateError = (timeoutMs: number): ChatKitError =>
  new ChatKitError('transport.timeout', 'The server did not answer in time.', {
    retryable: true,
    details: { timeoutMs },
  });

/** Turns an error into a `ChatKitError`. Any other error was thrown by `fetch`. */
export const networkError = (error: unknown): ChatKitError =>
  isChatKitError(error)
    ? error
    : new ChatKitError('transport.network', 'The server could not be reached.', { retryable: true, cause: error });

/**
 * How browsers, Node and React Native say that `fetch` has no connection: a function that gets a token has none either.
 */
const saysOffline = /^(failed to fetch|fetch failed|load failed|network)/i;

/** The error of headers that could not be made. Unless the network is to blame, a repeated attempt would fail again. */
const headersError = (cause: unknown): unknown =>
  isChatKitError(cause) || saysOffline.test((cause as Error | undefined)?.message ?? '')
    ? cause
    : new ChatKitError('request.unauthorized', 'The headers of the request could not be made.', { cause });

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
