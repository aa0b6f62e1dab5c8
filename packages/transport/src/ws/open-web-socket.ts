/**
 * The client's half of the WebSocket transport: a `fetch` whose requests share one socket. Code that takes a `fetch` as
 * an option works over a WebSocket without knowing it: requests, streamed answers, cancellation, resume.
 */
import { TransportError } from '../transport-error.ts';
import { type AskedRun, askRun } from './asked-run.ts';
import { type ClientMessage, closeCodes, parseHead, parseServerMessage, webSocketProtocol } from './protocol.ts';

/** The part of the standard `WebSocket` constructor that is used. */
export type WebSocketConstructor = new (
  url: string | URL,
  protocols?: string | string[],
) => Pick<WebSocket, 'readyState' | 'send' | 'close' | 'addEventListener'>;

/** Options of {@link openWebSocket}. */
export interface OpenWebSocketOptions {
  /** Default: the runtime's own. */
  WebSocket?: WebSocketConstructor | undefined;
  /** How much body text of a run may be in flight or unread, in UTF-16 code units. Default 262,144. */
  windowLength?: number | undefined;
  /**
   * The longest message accepted from the server, in characters. A longer one closes the socket with 4009. Default
   * 33,554,432: the largest event of a ChatKit server, 8 MiB, with room for JSON escapes.
   */
  maxMessageLength?: number | undefined;
  /**
   * If a request is given up while the socket has been silent for this long, further requests use a new socket: the old
   * one may look open and be dead, as after a machine's sleep or behind a router that has forgotten it. Default 10,000
   * ms.
   */
  quietMs?: number | undefined;
}

/** A connection, opened when first needed and reopened after it was lost. */
export interface WebSocketConnection {
  /**
   * Like the global `fetch`, for requests to the socket's server: of the URL only path and query are used, whatever its
   * host. A body that is not UTF-8 text, such as a file, is refused with `transport.invalid_frame`: send it over HTTP.
   * If the socket cannot be opened, calls reject with `transport.network`; if it is lost, unanswered calls and open
   * bodies fail with `transport.interrupted`. The next call connects again, as it also does after a call was given up
   * on a silent socket (see `quietMs`).
   */
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>;
  /**
   * Closes the socket, if there is one, even while it opens, and any older one on which an answer is still under way.
   * Calls that wait for the socket reject with `transport.network`, those that are under way with
   * `transport.interrupted`. A later call connects again.
   */
  close(): void;
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
  /** The one in use, and older ones that stay open for their runs. */
  const links = new Set<Link>();
  let closes = 0;
  const connected = (): Link => {
    if (link !== undefined) return link;
    link = connect(url, options, (left, isLost) => {
      if (link === left) link = undefined;
      if (isLost) links.delete(left);
    });
    links.add(link);
    return link;
  };
  return {
    async fetch(input, init) {
      const request = new Request(typeof input === 'string' ? new URL(input, 'http://localhost') : input, init);
      request.signal.throwIfAborted();
      const { pathname, search } = new URL(request.url);
      const closesBefore = closes;
      const body = await textOf(request);
      request.signal.throwIfAborted();
      if (closes !== closesBefore) throw notOpened();
      const open = {
        method: request.method,
        path: pathname + search,
        headers: Object.fromEntries(request.headers),
        body,
      };
      // A request's signal follows the caller's only while the request is referenced, so the run keeps the request
      // nearest to the caller.
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
    close() {
      closes++;
      for (const each of links) each.close();
    },
  };
}

interface Link {
  /** Resolves when the socket is open. */
  readonly opened: Promise<void>;
  /** Sends the request `open` and resolves to the response. Aborted by the signal of `request`. */
  run(open: Extract<ClientMessage, { open: unknown }>['open'], request: Request): Promise<Response>;
  /** A request over it was given up. If the socket has been silent for `quietMs`, it gets no new requests. */
  givenUp(): void;
  /** Closes the socket, open or not. */
  close(): void;
}

/** Opens a socket. Calls `onLeft` when the link must not be used for further requests, and again when it is lost. */
function connect(
  url: string | URL,
  options: OpenWebSocketOptions,
  onLeft: (link: Link, isLost: boolean) => void,
): Link {
  const {
    WebSocket = globalThis.WebSocket,
    windowLength = 256 * 1024,
    maxMessageLength = 32 * 1024 * 1024,
    quietMs = 10_000,
  } = options;
  const socket = new WebSocket(url, webSocketProtocol);
  const runs = new Map<string, AskedRun>();
  let count = 0;
  /** `leaving`: open, but takes no new runs and closes after the last one it has. */
  let state: 'connecting' | 'open' | 'leaving' | 'lost' = 'connecting';
  // Wall time, because time asleep must count. If the clock is set back, the socket is only found silent later.
  let heardAt = Date.now();
  const send = (message: ClientMessage): void => {
    if (state !== 'open' && state !== 'leaving') return;
    try {
      socket.send(JSON.stringify(message));
    } catch {
      // Some runtimes' sockets throw once they begin to close.
      drop(closeCodes.done);
    }
  };

  let open: () => void = () => {};
  let refuse: (error: unknown) => void = () => {};
  const opened = new Promise<void>((resolve, reject) => {
    open = resolve;
    refuse = reject;
  });
  // Not an unhandled rejection if nobody waits any more.
  opened.catch(() => {});

  const lost = (): void => {
    if (state === 'lost') return;
    state = 'lost';
    onLeft(link, true);
    // Has no effect once the socket was open.
    refuse(notOpened());
    const error = new TransportError('transport.interrupted', 'The WebSocket connection was lost.', {
      retryable: true,
    });
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
        const run = askRun(id, windowLength, request, to);
        if (state === 'lost')
          return run.fail(
            new TransportError('transport.network', 'The WebSocket connection was lost.', { retryable: true }),
          );
        runs.set(id, run);
        send({ run: id, open, window: windowLength });
      }),
    givenUp() {
      if (state === 'leaving' || state === 'lost' || Date.now() - heardAt < quietMs) return;
      // No run is open on it, as is always the case before it has opened.
      if (runs.size === 0) return drop(closeCodes.done);
      state = 'leaving';
      onLeft(link, false);
    },
    close: () => drop(closeCodes.done),
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
    // `undefined` for a run that this side has closed, or a message kind of a newer server.
    const run = message === undefined ? undefined : runs.get(message.run);
    if (message === undefined || run === undefined) return;
    if (message.kind === 'body') run.body(message.payload);
    else if (message.kind === 'end') run.end();
    else if (message.kind === 'head') {
      const head = parseHead(message.payload);
      if (head === undefined) drop(closeCodes.badMessage);
      else run.head(head.status, head.headers);
    } else
      run.fail(new TransportError('transport.interrupted', 'The server broke off its answer.', { retryable: true }));
  });
  socket.addEventListener('close', lost);
  socket.addEventListener('error', lost);
  return link;
}

const notOpened = (): TransportError =>
  new TransportError('transport.network', 'The WebSocket connection could not be opened.', { retryable: true });

/** The request's body; `null` if it has none. */
async function textOf(request: Request): Promise<string | null> {
  // Not `request.body`, which Firefox lacks, and not `text()`, which puts U+FFFD in place of what is no text.
  const bytes = await request.arrayBuffer();
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) || null;
  } catch (cause) {
    throw new TransportError(
      'transport.invalid_frame',
      'A WebSocket carries text, and this request body is not UTF-8 text. Send files over HTTP.',
      { cause },
    );
  }
}

/** Like `promise`, but rejects when the signal aborts first. (The operator `abortable` is for streams.) */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
