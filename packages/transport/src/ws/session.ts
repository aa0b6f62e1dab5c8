/**
 * The server's half of the WebSocket transport, independent of any WebSocket library: an adapter supplies a
 * `SocketPort` and passes on what arrives. Every request becomes a web `Request`; every reply is moved by the same pump
 * as over HTTP.
 */
import { type Clock, systemClock } from '@chatkit/stream';
import { deadline } from '@chatkit/stream/engine';
import { type Answer, createRun, type OpenRun } from './open-run.ts';
import { closeCodes, closeReason, formatServerMessage, type OpenMessage, parseClientMessage } from './protocol.ts';
import type { SocketPort } from './socket-port.ts';

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
  /**
   * How long a run whose client does not read on may wait; then its body breaks off, and the client resumes. Default
   * 30,000.
   */
  stuckMs?: number | undefined;
  /** Default: the runtime's clock. */
  clock?: Clock | undefined;
  /**
   * Called with what `answer` or a body threw; the client learns only that the run broke off. May be async; what it
   * throws itself goes to `console.error`.
   */
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

/** How many refusals may wait for the socket; each is about 70 bytes. */
const maxUnreadRefusals = 100;

/** Starts a session on an open socket. */
export function createSession(port: SocketPort, answer: Answer, options: SessionOptions = {}): Session {
  const { maxMessageLength = 1024 * 1024, maxRuns = 32, onError } = options;
  const { maxConnectionMs = 600_000, stuckMs = 30_000, clock = systemClock } = options;
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
  age.set(clock.now() + maxConnectionMs);
  /** Ends a run that nobody reads any more. */
  const drop = (id: string): void => {
    const run = runs.get(id);
    if (run === undefined) return;
    runs.delete(id);
    run.drop();
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
    const onStuck = (): void => {
      port.send(formatServerMessage(id, 'fail'));
      drop(id);
    };
    const run = createRun(port, id, { open, window }, { clock, stuckMs, onStuck });
    if (run === undefined) {
      fail(closeCodes.badMessage, 'not a request');
      return;
    }
    runs.set(id, run);
    run.serve(answer).then(
      () => settle(id, run, 'end'),
      (error) => {
        if (runs.get(id) === run) void report(error);
        settle(id, run, 'fail');
      },
    );
  };
  /** A handler that throws or rejects must break neither the session nor the process. */
  const report = async (error: unknown): Promise<void> => {
    try {
      await onError?.(error);
    } catch (second) {
      console.error('chatkit: onError threw', second);
    }
  };
  const settle = (id: string, run: OpenRun, kind: 'end' | 'fail'): void => {
    if (runs.get(id) !== run) return;
    runs.delete(id);
    port.send(formatServerMessage(id, kind));
    closeIfOld();
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
      runs.get(message.run)?.extend(message.more);
    },
    closed,
    close: () => fail(closeCodes.goingAway, 'the server goes away'),
  };
}
