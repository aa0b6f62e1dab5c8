/**
 * The WebSocket adapter for servers: sockets of `ws` on Node, and the standard `WebSocket` of Deno, Bun and workerd. It
 * adds what a session leaves to its socket: waiting for `bufferedAmount`, and ping and pong.
 */
import type { Answer } from './open-run.ts';
import { createSession, type Session, type SessionOptions } from './session.ts';
import { type BufferedSocket, type BufferOptions, createSocketPort } from './socket-port.ts';

/** What the sockets of `ws` and the standard `WebSocket` have in common, and what only `ws` has. */
export interface ServerSocket extends BufferedSocket {
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void;
  addEventListener(type: 'close' | 'error', listener: () => void): void;
  /** `ws`: a protocol ping. */
  ping?(): void;
  /** `ws`: a `'pong'` has come. */
  on?(event: 'pong', listener: () => void): unknown;
}

/** Limits of a connection. */
export interface ServeWebSocketOptions extends SessionOptions, BufferOptions {
  /** How often the client is pinged, where the socket can; two unanswered pings end the connection. Default 25,000. */
  pingMs?: number | undefined;
}

/**
 * Answers the requests of one client. The socket should come from a server with `perMessageDeflate: false` and a
 * `maxPayload` (`ws` accepts 100 MiB by default), and its origin should have been checked with `isAllowedOrigin`.
 *
 * @returns The session: `close()` disconnects the client, so that it resumes elsewhere.
 *
 * @example
 * const sockets = new WebSocketServer({ noServer: true, maxPayload: 1024 * 1024 });
 * httpServer.on('upgrade', (request, socket, head) => {
 *   if (!isAllowedOrigin(request.headers.origin, ['https://app.example'])) return refuseUpgrade(socket);
 *   sockets.handleUpgrade(request, socket, head, (ws) => serveWebSocket(ws, (asked) => server.reply(asked, context)));
 * });
 */
export function serveWebSocket(socket: ServerSocket, answer: Answer, options: ServeWebSocketOptions = {}): Session {
  const { pingMs = 25_000 } = options;
  const port = createSocketPort(socket, options, () => session.closed());
  const session = createSession(port, answer, options);

  let unanswered = 0;
  // An interval and a counter: `heartbeat` over a stream of pongs would cost a kilobyte for every idle socket.
  const pings =
    socket.ping === undefined
      ? undefined
      : setInterval(() => {
          if (++unanswered > 2) socket.terminate?.();
          else socket.ping?.();
        }, pingMs);
  socket.on?.('pong', () => {
    unanswered = 0;
  });
  socket.addEventListener('message', ({ data }) => session.receive(typeof data === 'string' ? data : undefined));
  // 'close' follows an 'error', which without a listener would end the process.
  socket.addEventListener('error', () => {});
  socket.addEventListener('close', () => {
    port.closed();
    clearInterval(pings);
    session.closed();
  });
  return session;
}
