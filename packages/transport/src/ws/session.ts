/**
 * The server's half of a WebSocket, free of any WebSocket library: an adapter brings the four things it needs of a socket
 * and tells it what arrives. Every request becomes a web `Request`, every reply is moved by the same pump as over HTTP.
 */
import { type Clock, from, systemClock } from '@chatkit/stream';
import { deadline } from '@chatkit/stream/engine';
import { pumpText } from '../pump-text.ts';
import type { Reply } from '../reply.ts';
import { closeCodes, closeReason, formatServerMessage, type OpenMessage, parseClientMessage } from './protocol.ts';

/** What a session needs of a socket. */
export interface SocketPort {
  /** Sends a text message. A promise when the socket holds more than it should: it resolves once that has drained. */
  send(text: string): Promise<void> | undefined;
  /** Closes the socket; `reason` fits into a close frame. */
  close(code: number, reason: string): void;
}

/** Answers a request, as over HTTP. `request.signal` aborts when the client closes the run or the socket is gone. */
export type Answer = (request: Request) => Promise<Reply> | Reply;

/** Limits of a session. */
export interface SessionOptions {
  /** The most characters of one message of the client's. More closes the socket with 1009. Default 1,048,576. */
  maxMessageLength?: number | undefined;
  /** The most runs at a time; one more is answered with 429. Default 32. */
  maxRuns?: number | undefined;
  /**
   * The age from which the socket is closed with 1012 as soon as no run is open on it, so that load balancers can move clients
   * and nothing is cut; at twice that age it is closed in any case, and the client resumes. Default 600,000, ten minutes;
   * `Infinity` for never.
   */
  maxConnectionMs?: number | undefined;
  /** Default: the runtime's clock. */
  clock?: Clock | undefined;
  /** Told of what `answer` or a body threw; the client learns only that the run broke off. Default: nobody. */
  onError?: ((error: unknown) => void) | undefined;
}

/** A session; the adapter calls it. */
export interface Session {
  /** A message has come; `undefined` for one that is not text. */
  receive(text: string | undefined): void;
  /** The socket is gone: every run is aborted and its body returned. */
  closed(): void;
  /** Lets go of the client with 1001, so that it connects elsewhere and resumes. */
  close(): void;
}

interface OpenRun {
  readonly controller: AbortController;
  /** Held here, because its signal follows the controller's only while somebody holds it. */
  readonly request: Request;
  /** Body text that the client still takes. */
  window: number;
  /** Body text that has been sent. */
  sent: number;
  /** Goes on when the window opens or the run is over. */
  wake: (() => void) | undefined;
  leave: () => void;
}

/** Refusals that may wait for the socket, about 70 bytes each. */
const maxUnreadRefusals = 100;

/**
 * How long a message of body text may be: no longer than what the run has sent before, within these bounds. Of a message that
 * is cut off nothing arrives, unlike of a body over HTTP, so on a line that breaks early and often only short ones bring the
 * reader forward. Price: seven messages more for a run that has much to say at once.
 */
const firstMessageLength = 1024;
const longestMessageLength = 64 * 1024;

/** The client's word for what only the handshake or a proxy can know: not taken over into a `Request`. */
const ownHeaders =
  /^(?:cookie|host|origin|forwarded|via|connection|upgrade|sec-.*|proxy-.*|x-forwarded-.*|x-real-ip)$/i;

/** Opens a session on a socket that is open. */
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
  // A timer of `Infinity` would fire at once.
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
      // A client that goes on asking and reads no answer would have its refusals piled up.
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
    // Open until the socket has room, answers without a body too: `maxRuns` then bounds what a client has us hold.
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
      // Waits for both: a socket that drained is of no use to a client that has no room, and the other way round.
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
    await pumpText(source, {
      write,
      get isOver() {
        return isOver();
      },
    });
  };

  return {
    receive(text) {
      if (state === 'closed') return;
      if (text === undefined) return fail(closeCodes.badMessage, 'only text messages');
      if (text.length > maxMessageLength) return fail(closeCodes.tooLarge, 'message too large');
      const message = parseClientMessage(text);
      if (message === undefined) return fail(closeCodes.badMessage, 'not a message of this protocol');
      if ('open' in message) return start(message.run, message.open, message.window);
      // A run that is over on this side may still be named by a client that does not know yet.
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

/** Where a message that begins at `at` ends: not within a character of two code units, which would be lost as text. */
function endOfMessage(text: string, at: number, sent: number): number {
  const end = at + Math.min(Math.max(firstMessageLength, sent), longestMessageLength);
  if (end >= text.length) return text.length;
  return (text.charCodeAt(end - 1) & 0xfc00) === 0xd800 ? end - 1 : end;
}

function toRequest({ method, path, headers, body }: OpenMessage, signal: AbortSignal): Request | undefined {
  try {
    const kept = Object.entries(headers).filter(([name]) => !ownHeaders.test(name));
    // The host is the client's word and decides nothing; as over HTTP, only path and query are read.
    return new Request(`http://localhost${path}`, { method, headers: new Headers(kept), body, signal });
  } catch {
    return undefined;
  }
}

const ignore = (): void => {};
