/**
 * The client's half of a WebSocket: a `fetch` whose requests share one socket. Whatever talks to a server through a
 * `fetch` that it was given talks over a WebSocket instead, without knowing: requests, streamed answers, cancellation,
 * resume.
 */
import { abortable, map, pipe, pushable, toReadableStream } from '@chatkit/stream';
import { TransportError } from '../transport-error.ts';
import { type ClientMessage, closeCodes, parseHead, parseServerMessage, webSocketProtocol } from './protocol.ts';

/** What is needed of a WebSocket constructor: the standard one. */
export type WebSocketConstructor = new (
  url: string | URL,
  protocols?: string | string[],
) => Pick<WebSocket, 'readyState' | 'send' | 'close' | 'addEventListener'>;

/** What {@link openWebSocket} can be told. */
export interface OpenWebSocketOptions {
  /** Default: the runtime's own. */
  WebSocket?: WebSocketConstructor | undefined;
  /** How much body text a run may have on its way or unread, in UTF-16 code units. Default 262,144. */
  windowLength?: number | undefined;
  /**
   * The most characters of one message of the server's. More closes the socket with 1009. Default 33,554,432: the largest
   * event of a ChatKit server, 8 MiB, with room for what JSON escapes.
   */
  maxMessageLength?: number | undefined;
  /**
   * A socket of which nothing has been heard for this long when a request is given up may be dead and open, as after a sleep or behind
   * a router that has forgotten it: further requests go over a new one. Default 10,000; below the heartbeat of a server that is lively.
   */
  quietMs?: number | undefined;
}

/** A connection, made when it is first needed and made anew after it was lost. */
export interface WebSocketConnection {
  /**
   * As the global `fetch`, for requests to the socket's server: of the URL, path and query count. The body must be text.
   * A socket that is lost rejects what waits with `transport.network` and breaks open bodies with
   * `transport.interrupted`; the next call connects again, as it does when a call was given up on a socket that says nothing.
   */
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>;
  /** Closes the socket, if there is one. */
  close(): void;
}

interface OpenRun {
  head(status: number, headers: Readonly<Record<string, string>>): void;
  body(text: string): void;
  end(): void;
  fail(error: TransportError): void;
}

/**
 * Opens a connection, lazily.
 *
 * @example
 * const connection = openWebSocket('wss://app.example/chatkit');
 * const client = createChatClient({ url: '/chatkit', fetch: connection.fetch });
 */
export function openWebSocket(url: string | URL, options: OpenWebSocketOptions = {}): WebSocketConnection {
  let link: Link | undefined;
  const connected = (): Link => {
    link ??= connect(url, options, (lost) => {
      if (link === lost) link = undefined;
    });
    return link;
  };
  return {
    async fetch(input, init) {
      const request = new Request(typeof input === 'string' ? new URL(input, 'http://localhost') : input, init);
      request.signal.throwIfAborted();
      const { pathname, search } = new URL(request.url);
      // Not by `request.body`: Firefox has none.
      const body = (await request.text()) || null;
      const open = {
        method: request.method,
        path: pathname + search,
        headers: Object.fromEntries(request.headers),
        body,
      };
      // What follows the caller's signal does so only while somebody holds it, so the run holds the one that is nearest to it.
      const followed = input instanceof Request && !init?.signal ? input : request;
      const over = connected();
      try {
        await untilAborted(over.opened, followed.signal);
      } catch (error) {
        over.givenUp();
        throw error;
      }
      return over.run(open, followed);
    },
    close: () => link?.close(),
  };
}

interface Link {
  /** Resolves when it is open. */
  readonly opened: Promise<void>;
  /** Asks, for as long as the signal of `request` is not aborted. */
  run(open: Extract<ClientMessage, { open: unknown }>['open'], request: Request): Promise<Response>;
  /** Somebody waited for it in vain: it is not used again if nothing has been heard of it for long. */
  givenUp(): void;
  /** Once it is open. */
  close(): void;
}

/** `onLost` is called when it is not to be used again. */
function connect(url: string | URL, options: OpenWebSocketOptions, onLost: (link: Link) => void): Link {
  const {
    WebSocket = globalThis.WebSocket,
    windowLength = 256 * 1024,
    maxMessageLength = 32 * 1024 * 1024,
    quietMs = 10_000,
  } = options;
  const socket = new WebSocket(url, webSocketProtocol);
  const runs = new Map<string, OpenRun>();
  let count = 0;
  /** `leaving`: it is open, takes no new runs and is closed behind the last of those that it has. */
  let state: 'connecting' | 'open' | 'leaving' | 'lost' = 'connecting';
  // Wall time, because time that a machine slept must count; set back, it costs no more than to be asked once more.
  let heardAt = Date.now();
  const send = (message: ClientMessage): void => {
    if (state === 'open' || state === 'leaving') socket.send(JSON.stringify(message));
  };

  let open: () => void = () => {};
  let refuse: (error: unknown) => void = () => {};
  const opened = new Promise<void>((resolve, reject) => {
    open = resolve;
    refuse = reject;
  });
  // For whoever waits; all of them may have given up.
  opened.catch(() => {});

  const lost = (): void => {
    if (state === 'lost') return;
    state = 'lost';
    onLost(link);
    // Of no effect once it has opened.
    refuse(new TransportError('transport.network', 'No WebSocket connection.', { retryable: true }));
    const error = new TransportError('transport.interrupted', 'The WebSocket was lost.', { retryable: true });
    for (const run of runs.values()) run.fail(error);
    runs.clear();
  };
  const drop = (code: number): void => {
    socket.close(code);
    lost();
  };
  const forget = (id: string): void => {
    runs.delete(id);
    if (state === 'leaving' && runs.size === 0) drop(closeCodes.done);
  };

  const link: Link = {
    opened,
    run: (open, request) =>
      new Promise((answered, refused) => {
        if (request.signal.aborted) return refused(request.signal.reason);
        const id = `r${++count}`;
        const to = { send, answered, refused, onForgotten: () => forget(id), onLeft: link.givenUp };
        const run = createRun(id, windowLength, request, to);
        if (state === 'lost')
          return run.fail(new TransportError('transport.network', 'The WebSocket was lost.', { retryable: true }));
        runs.set(id, run);
        send({ run: id, open, window: windowLength });
      }),
    givenUp() {
      if (state === 'leaving' || state === 'lost' || Date.now() - heardAt < quietMs) return;
      // Before it has opened nothing goes on there.
      if (runs.size === 0) return drop(closeCodes.done);
      state = 'leaving';
      onLost(link);
    },
    close() {
      opened.then(
        () => drop(closeCodes.done),
        () => {},
      );
    },
  };

  socket.addEventListener('open', () => {
    if (state === 'lost') return socket.close(closeCodes.done);
    state = 'open';
    heardAt = Date.now();
    open();
  });
  socket.addEventListener('message', ({ data }) => {
    heardAt = Date.now();
    if (typeof data !== 'string') return;
    if (data.length > maxMessageLength) return drop(closeCodes.tooLargeForClient);
    const message = parseServerMessage(data);
    // Of a run that this side has closed, or of a kind that a newer server knows.
    const run = message === undefined ? undefined : runs.get(message.run);
    if (message === undefined || run === undefined) return;
    if (message.kind === 'body') run.body(message.payload);
    else if (message.kind === 'end') run.end();
    else if (message.kind === 'head') {
      const head = parseHead(message.payload);
      if (head === undefined) drop(closeCodes.badMessage);
      else run.head(head.status, head.headers);
    } else run.fail(new TransportError('transport.interrupted', 'The answer broke off.', { retryable: true }));
  });
  socket.addEventListener('close', lost);
  socket.addEventListener('error', lost);
  return link;
}

/** What a run tells. */
interface RunListener {
  send(message: ClientMessage): void;
  answered(response: Response): void;
  refused(error: unknown): void;
  /** It is over. */
  onForgotten(): void;
  /** It was left before its end. */
  onLeft(): void;
}

/** One request and its answer. The body is pulled: what the consumer has read is granted to the server anew. */
function createRun(
  id: string,
  windowLength: number,
  request: Request,
  { send, answered, refused, onForgotten, onLeft }: RunListener,
): OpenRun {
  const encoder = new TextEncoder();
  let isOpen = true;
  let read = 0;

  /** Whether this ends it. */
  const settle = (): boolean => {
    const wasOpen = isOpen;
    isOpen = false;
    request.signal.removeEventListener('abort', onAbort);
    onForgotten();
    return wasOpen;
  };
  const leave = (): void => {
    if (!settle()) return;
    send({ run: id, close: true });
    onLeft();
  };
  const onAbort = (): void => {
    leave();
    refused(request.signal.reason);
  };
  request.signal.addEventListener('abort', onAbort, { once: true });

  // What waits for the consumer is bounded by the window, so the queue needs no bound of its own.
  const text = pushable<string>({ capacity: Number.POSITIVE_INFINITY, onClose: leave });
  const take = (part: string): Uint8Array => {
    read += part.length;
    if (isOpen && read >= windowLength / 2) {
      send({ run: id, more: read });
      read = 0;
    }
    return encoder.encode(part);
  };

  return {
    head(status, headers) {
      const hasBody = status !== 204 && status !== 205 && status !== 304;
      const body = hasBody ? toReadableStream(pipe(text, map(take), abortable(request.signal))) : null;
      answered(new Response(body as BodyInit | null, { status, headers: new Headers(headers) }));
    },
    body: (part) => void text.push(part),
    end() {
      settle();
      text.end();
    },
    fail(error) {
      settle();
      refused(error);
      text.fail(error);
    },
  };
}

/** `promise`, unless the signal aborts before. (The operator `abortable` is for streams.) */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
