/**
 * The server's half of the WebSocket transport, independent of any WebSocket library: an adapter supplies a
 * `SocketPort` and passes on what arrives. Every request becomes a web `Request`; every reply is moved by the same pump
 * as over HTTP.
 */
import { type Clock, from, systemClock } from '@chatkit/stream';
import { deadline } from '@chatkit/stream/engine';
import { pumpText } from '../pump-text.ts';
import type { Reply } from '../reply.ts';
import { closeCodes, closeReason, formatServerMessage, type OpenMessage, parseClientMessage } from './protocol.ts';

/** What a session needs of a socket. */
export interface SocketPort {
  /**
   * Sends a text message. If the socket then buffers more than it should, returns a promise that resolves when it has
   * drained.
   */
  send(text: string): Promise<void> | undefined;
  /** Closes the socket. `reason` is short enough for a close frame. */
  close(code: number, reason: string): void;
}

/** Answers a request, as over HTTP. `request.signal` aborts when the client closes the run or the socket is gone. */
export type Answer = (request: Request) => Promise<Reply> | Reply;

/** Limits of a session. */
export interface SessionOptions {
  /**
   * The longest message accepted from the client, in characters. A longer one closes the socket with 1009. Default
   * 1,048,576.
   */
  maxMessageLength?: number | undefined;
  /** The most runs open at a time; a further request is answered with 429. Default 32. */
  maxRuns?: number | undefined;
  /**
   * The age from which the socket is closed (1012) as soon as no run is open on it, so that load balancers can move
   * clients without cutting an answer. At twice that age it is closed in any case, and the client resumes. Default
   * 600,000 (ten minutes); `Infinity` for never.
   */
  maxConnectionMs?: number | undefined;
  /** Default: the runtime's clock. */
  clock?: Clock | undefined;
  /** Called with what `answer` or a body threw; the client learns only that the run broke off. */
  onError?: ((error: unknown) => void) | undefined;
}

/** A session, as seen by its adapter. */
export interface Session {
  /** To be called with each message; `undefined` for one that is not text. */
  receive(text: string | undefined): void;
  /** To be called when the socket is gone: every run is aborted and its body closed. */
  closed(): void;
  /** Disconnects the client with 1001, so that it connects elsewhere and resumes. */
  close(): void;
}

interface OpenRun {
  readonly controller: AbortController;
  /** Kept here because its signal follows the controller's only while the request is referenced. */
  readonly request: Request;
  /** How much more body text the client accepts. */
  window: number;
  /** How much body text has been sent. */
  sent: number;
  /** Resumes sending, when the window opens or the run is over. */
  wake: (() => void) | undefined;
  leave: () => void;
}

/** How many refusals may wait for the socket; each is about 70 bytes. */
const maxUnreadRefusals = 100;

/**
 * The longest message of body text is as long as everything the run has sent before, within these bounds. Nothing
 * arrives of a WebSocket message that is cut off, unlike of an HTTP body, so on a connection that breaks early and
 * often only short messages make progress. Price: seven more messages for a run that sends much at once.
 */
const firstMessageLength = 1024;
const longestMessageLength = 64 * 1024;

/** Headers that only the handshake or a proxy can vouch for; a client's claims are not copied into the `Request`. */
const ownHeaders =
  /^(?:cookie|host|origin|forwarded|via|connection|upgrade|sec-.*|proxy-.*|x-forwarded-.*|x-real-ip)$/i;

/** Starts a session on an open socket. */
export function createSession(port: SocketPort, answer: Answer, options: SessionOptions = {}): Session {
  const { maxMessageLength = 1024 * 1024, maxRuns = 32, onError } = options;
  const { maxConnectionMs = 600_000, clock = systemClock } = options;
  const runs = new Map<string, OpenRun>();
  let state: 'young' | 'old' | 'closed' = 'young';
  let unreadRefusals = 0;

  const closed = (): void => {
    if (state === 'closed') return;
    state = 'closed';
    age.clear();
    for (const id of [...runs.keys()]) drop(id);
  };
  const fail = (code: number, reason: string): void => {
    if (state === 'closed') return;
    port.close(code, closeReason(reason));
    closed();
  };
  const handOver = (): void => fail(closeCodes.restart, 'the connection is old');
  const closeIfOld = (): void => {
    if (state === 'old' && runs.size === 0) handOver();
  };
  const age = deadline(clock, () => {
    if (state === 'old') return handOver();
    state = 'old';
    age.set(clock.now() + maxConnectionMs);
    closeIfOld();
  });
  // A timer with a delay of `Infinity` would fire at once.
  if (maxConnectionMs !== Number.POSITIVE_INFINITY) age.set(clock.now() + maxConnectionMs);
  /** Ends a run that nobody reads any more. */
  const drop = (id: string): void => {
    const run = runs.get(id);
    if (run === undefined) return;
    runs.delete(id);
    run.controller.abort(new DOMException('The client has left.', 'AbortError'));
    run.leave();
    run.wake?.();
    closeIfOld();
  };

  const start = (id: string, open: OpenMessage, window: number): void => {
    if (runs.has(id)) {
      fail(closeCodes.runInUse, 'a run of this id is open');
      return;
    }
    if (runs.size >= maxRuns) {
      port.send(formatServerMessage(id, 'head', JSON.stringify({ status: 429, headers: {} })));
      const room = port.send(formatServerMessage(id, 'end'));
      if (room === undefined) return;
      room.then(() => {
        unreadRefusals = 0;
      });
      // Otherwise refusals would pile up for a client that keeps asking and reads no answers.
      if (++unreadRefusals > maxUnreadRefusals) fail(closeCodes.stuck, 'answers are not read');
      return;
    }
    const controller = new AbortController();
    const request = toRequest(open, controller.signal);
    if (request === undefined) {
      fail(closeCodes.badMessage, 'not a request');
      return;
    }
    const run: OpenRun = { controller, request, window, sent: 0, wake: undefined, leave: () => {} };
    runs.set(id, run);
    serve(id, run).then(
      () => settle(id, run, 'end'),
      (error) => {
        if (runs.get(id) === run) onError?.(error);
        settle(id, run, 'fail');
      },
    );
  };
  const settle = (id: string, run: OpenRun, kind: 'end' | 'fail'): void => {
    if (runs.get(id) !== run) return;
    runs.delete(id);
    port.send(formatServerMessage(id, kind));
    closeIfOld();
  };

  const serve = async (id: string, run: OpenRun): Promise<void> => {
    const isOver = (): boolean => runs.get(id) !== run;
    const { status, headers, body } = await answer(run.request);
    const source = body === null ? undefined : from(typeof body === 'string' ? [body] : body);
    if (isOver()) {
      source?.return().catch(ignore);
      return;
    }
    const room = port.send(formatServerMessage(id, 'head', JSON.stringify({ status, headers })));
    if (source !== undefined) {
      run.leave = () => {
        source.return().catch(ignore);
      };
    }
    // Every run, even without a body, stays open until the socket has room, so `maxRuns` bounds what a client can make
    // us hold.
    if (room !== undefined) await room;
    if (source === undefined || isOver()) return;
    const opened = (): Promise<void> =>
      new Promise((resolve) => {
        run.wake = resolve;
      });
    const send = (text: string): Promise<void> | undefined => {
      const drained = port.send(formatServerMessage(id, 'body', text));
      run.sent += text.length;
      run.window -= text.length;
      if (run.window > 0 || isOver()) return drained;
      // Wait for both the socket and the client's window.
      return Promise.all([drained, opened()]).then(ignore);
    };
    const write = (text: string): Promise<void> | undefined => {
      let at = 0;
      while (!isOver()) {
        const end = endOfMessage(text, at, run.sent);
        const taken = send(text.slice(at, end));
        if (end === text.length) return taken;
        if (taken !== undefined) return taken.then(() => write(text.slice(end)));
        at = end;
      }
      return undefined;
    };
    return new Promise((resolve, reject) =>
      pumpText(source, {
        write,
        get isOver() {
          return isOver();
        },
        end: (failure) => (failure === undefined ? resolve() : reject(failure.error)),
      }),
    );
  };

  return {
    receive(text) {
      if (state === 'closed') return;
      if (text === undefined) return fail(closeCodes.badMessage, 'only text messages');
      if (text.length > maxMessageLength) return fail(closeCodes.tooLarge, 'message too large');
      const message = parseClientMessage(text);
      if (message === undefined) return fail(closeCodes.badMessage, 'not a message of this protocol');
      if ('open' in message) return start(message.run, message.open, message.window);
      // A client may still name a run that is already over on this side.
      if ('close' in message) return drop(message.run);
      const run = runs.get(message.run);
      if (run === undefined) return;
      run.window += message.more;
      if (run.window > 0) run.wake?.();
    },
    closed,
    close: () => fail(closeCodes.goingAway, 'the server goes away'),
  };
}

/** Where a message that begins at `at` ends: never inside a surrogate pair, whose halves would be lost in UTF-8. */
function endOfMessage(text: string, at: number, sent: number): number {
  const end = at + Math.min(Math.max(firstMessageLength, sent), longestMessageLength);
  if (end >= text.length) return text.length;
  return (text.charCodeAt(end - 1) & 0xfc00) === 0xd800 ? end - 1 : end;
}

function toRequest({ method, path, headers, body }: OpenMessage, signal: AbortSignal): Request | undefined {
  try {
    const kept = Object.entries(headers).filter(([name]) => !ownHeaders.test(name));
    // The host is a placeholder: as over HTTP, only path and query are used.
    return new Request(`http://localhost${path}`, { method, headers: new Headers(kept), body, signal });
  } catch {
    return undefined;
  }
}

const ignore = (): void => {};
