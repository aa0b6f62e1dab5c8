/**
 * The adapter for server sockets: those of `ws` on Node, and the standard `WebSocket` that Deno, Bun and workerd hand to a
 * server. It adds what a session leaves to its socket: waiting for `bufferedAmount`, ping and pong, and letting go of a
 * client that takes nothing.
 */
import { closeCodes } from './protocol.ts';
import { type Answer, createSession, type Session, type SessionOptions } from './serve-session.ts';

/** What the sockets of `ws` and the standard `WebSocket` have in common, and what `ws` has besides. */
export interface ServerSocket {
  readonly bufferedAmount: number;
  send(data: string): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void;
  addEventListener(type: 'close' | 'error', listener: () => void): void;
  /** `ws`: a protocol ping. */
  ping?(): void;
  /** `ws`: drops the connection without a closing handshake. */
  terminate?(): void;
  /** `ws`: a `'pong'` has come. */
  on?(event: 'pong', listener: () => void): unknown;
}

/** Limits of a connection. */
export interface ServeWebSocketOptions extends SessionOptions {
  /** How much the socket may hold before runs wait for it to drain. Default 65,536. */
  highWaterBytes?: number | undefined;
  /** How long it may hold that much without sending any of it; then the client is let go with 1013. Default 30,000. */
  stuckMs?: number | undefined;
  /** How often the client is pinged, where the socket can; two unanswered pings end the connection. Default 25,000. */
  pingMs?: number | undefined;
}

/**
 * Answers the requests of one client. The socket should come from a server with `perMessageDeflate: false` and a
 * `maxPayload` (`ws` takes 100 MiB by default), after its origin has been checked with `isAllowedOrigin`.
 *
 * @returns The session: `close()` lets go of the client so that it resumes elsewhere.
 *
 * @example
 * const sockets = new WebSocketServer({ noServer: true, maxPayload: 1024 * 1024 });
 * httpServer.on('upgrade', (request, socket, head) => {
 *   if (!isAllowedOrigin(request.headers.origin, ['https://app.example'])) return refuseUpgrade(socket);
 *   sockets.handleUpgrade(request, socket, head, (ws) => serveWebSocket(ws, (asked) => server.reply(asked, context)));
 * });
 */
export function serveWebSocket(socket: ServerSocket, answer: Answer, options: ServeWebSocketOptions = {}): Session {
  const { highWaterBytes = 64 * 1024, stuckMs = 30_000, pingMs = 25_000 } = options;
  let isOpen = true;
  let drained: Promise<void> | undefined;

  const drain = async (): Promise<void> => {
    let held = socket.bufferedAmount;
    let lastProgress = performance.now();
    // No WebSocket tells when it has drained, so it is asked: at once after the kernel took it, then less often.
    for (let wait = 1; isOpen && socket.bufferedAmount > highWaterBytes / 2; wait = Math.min(wait * 2, 50)) {
      await new Promise((resolve) => setTimeout(resolve, wait));
      if (socket.bufferedAmount < held) {
        lastProgress = performance.now();
        wait = 1;
      } else if (performance.now() - lastProgress > stuckMs) {
        socket.close(closeCodes.stuck, 'the client takes nothing');
        // The close frame waits behind what is stuck.
        socket.terminate?.();
        return;
      }
      held = socket.bufferedAmount;
    }
  };
  const session = createSession(
    {
      send(text) {
        if (!isOpen) return undefined;
        socket.send(text);
        if (drained === undefined && socket.bufferedAmount > highWaterBytes)
          drained = drain().then(() => {
            drained = undefined;
          });
        return drained;
      },
      close: (code, reason) => socket.close(code, reason),
    },
    answer,
    options,
  );

  let unanswered = 0;
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
    isOpen = false;
    clearInterval(pings);
    session.closed();
  });
  return session;
}
