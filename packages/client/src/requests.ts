/** Requests over `fetch`: what a JSON answer is, what an error is, and which headers go along. */
import { ChatKitError, type ChatKitRequestInput, type ErrorCode, isChatKitError } from '@chatkit/core';

/** Headers for every request, or a function that makes them anew for each, for example with a fresh token. */
export type HeadersSource = HeadersInit | (() => HeadersInit | Promise<HeadersInit>);

export interface EndpointOptions {
  url: string | URL;
  fetch?: typeof globalThis.fetch | undefined;
  headers?: HeadersSource | undefined;
  credentials?: RequestCredentials | undefined;
  /** Whether to ask for the extensions of DESIGN §4. */
  extensions: boolean;
}

export interface RequestOptions {
  signal?: AbortSignal | undefined;
  /** Lets the request outlive the page. */
  keepalive?: boolean | undefined;
}

/** The one endpoint that everything is asked of. */
export interface Endpoint {
  /** Asks for JSON. Throws `ChatKitError`: the server's own, `transport.status` or `transport.network`. */
  json<T>(request: ChatKitRequestInput, options?: RequestOptions): Promise<T>;
  /** The same, with the answer's headers. */
  exchange<T>(request: ChatKitRequestInput, options?: RequestOptions): Promise<{ body: T; headers: Headers }>;
  /** Starts a run. Gives the bare answer. Rejects with what `fetch` rejects with. */
  start(request: ChatKitRequestInput, runId: string, signal: AbortSignal): Promise<Response>;
  /** Attaches to a run behind `after`. */
  attach(runId: string, after: string | undefined, signal: AbortSignal): Promise<Response>;
  /** A request of any other kind with the application's headers, to an address of its own. */
  raw(url: string | URL, init: RequestInit): Promise<Response>;
}

/** Statuses after which the same request may go through. */
export const isRetryableStatus = (status: number): boolean =>
  status === 408 || status === 425 || status === 429 || status === 500 || (status >= 502 && status <= 504);

export const createEndpoint = (options: EndpointOptions): Endpoint => {
  const { url, extensions, credentials } = options;
  const call = async (target: string | URL, init: RequestInit, extra: Record<string, string> = {}) => {
    const source = options.headers;
    const headers = new Headers(typeof source === 'function' ? await source() : source);
    for (const [name, value] of Object.entries(extra)) headers.set(name, value);
    // Looked up per call, so that a `fetch` that is patched later (a mock, a tracer) is seen; called bare, as browsers demand.
    const send = options.fetch ?? globalThis.fetch;
    return send(target, { ...init, headers, ...(credentials === undefined ? {} : { credentials }) });
  };
  const optIn: Record<string, string> = extensions ? { 'chatkit-client': '1' } : {};
  const post = (request: ChatKitRequestInput, { signal, keepalive }: RequestOptions, extra: Record<string, string>) =>
    call(
      url,
      {
        method: 'POST',
        body: JSON.stringify(request),
        ...(signal === undefined ? {} : { signal }),
        ...(keepalive === undefined ? {} : { keepalive }),
      },
      { ...optIn, 'content-type': 'application/json', ...extra },
    );

  const exchange = async <T>(request: ChatKitRequestInput, requestOptions: RequestOptions = {}) => {
    let response: Response;
    try {
      response = await post(request, requestOptions, { accept: 'application/json' });
      if (!response.ok) throw await errorOf(response);
      return { body: (await response.json()) as T, headers: response.headers };
    } catch (error) {
      requestOptions.signal?.throwIfAborted();
      throw networkError(error);
    }
  };

  return {
    exchange,
    json: async <T>(request: ChatKitRequestInput, requestOptions?: RequestOptions) =>
      (await exchange<T>(request, requestOptions)).body,
    start: (request, runId, signal) =>
      post(request, { signal }, { accept: 'text/event-stream', ...(extensions ? { 'chatkit-run-id': runId } : {}) }),
    attach(runId, after, signal) {
      const separator = String(url).includes('?') ? '&' : '?';
      const query = `run=${encodeURIComponent(runId)}${after === undefined ? '' : `&after=${encodeURIComponent(after)}`}`;
      return call(
        `${url}${separator}${query}`,
        { signal, cache: 'no-store' },
        { ...optIn, accept: 'text/event-stream' },
      );
    },
    raw: (target, init) => call(target, init),
  };
};

/** The error that an answer stands for: the server's `{error: {code, message, retryable}}`, or one about the status. */
export const errorOf = async (response: Response): Promise<ChatKitError> => {
  const { status } = response;
  const text = await shortText(response).catch(() => '');
  const sent = envelope(text);
  return new ChatKitError(
    // Codes are an open set: one of a newer server is passed on as it is.
    (sent?.code ?? 'transport.status') as ErrorCode,
    sent?.message ?? `The server answered with status ${status}.`,
    {
      retryable: sent?.retryable ?? isRetryableStatus(status),
      details: { ...sent?.details, status },
    },
  );
};

/** The text of an error is a few lines. A server that sends more, or never ends, is not waited for. */
const maxErrorBytes = 64 * 1024;

const shortText = async (response: Response): Promise<string> => {
  if (response.body === null) return '';
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (let bytes = 0; bytes <= maxErrorBytes; ) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    bytes += value.byteLength;
    text += decoder.decode(value, { stream: true });
  }
  void reader.cancel().catch(() => {});
  return text;
};

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
