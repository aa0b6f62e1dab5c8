/**
 * The WebSocket adapter for crossws, and so for every runtime that crossws supports. It is the hooks object that a
 * crossws adapter takes; the package itself is not imported.
 */

import type { Reply } from '../reply.ts';
import { isAllowedOrigin } from './allowed-origin.ts';
import { webSocketProtocol } from './protocol.ts';
import { createSession, type Session, type SessionOptions } from './session.ts';
import { type BufferedSocket, type BufferOptions, createSocketPort } from './socket-port.ts';

/** The part of a crossws `Peer` that is used. */
export interface CrosswsPeer extends BufferedSocket {
  readonly id: string;
}

/** The hooks, as a crossws adapter takes them. */
export interface CrosswsHooks<P extends CrosswsPeer> {
  upgrade(request: Request): Response | { protocol: string } | undefined;
  open(peer: P): void;
  message(peer: P, message: { text(): string }): void;
  close(peer: P): void;
}

/** Limits of the connections. */
export interface CrosswsOptions extends SessionOptions, BufferOptions {
  /** The origins of the pages that may connect, for example `https://app.example`; see `isAllowedOrigin`. */
  allowedOrigins: readonly string[];
  /** Whether a handshake without an origin may pass. Default `false`. */
  allowMissingOrigin?: boolean | undefined;
}

/**
 * Hooks that answer requests over WebSockets. A message that is too large should be stopped before it is read, by the
 * adapter's own options (on Node `serverOptions: { maxPayload }`).
 *
 * @example
 * const answer = (request: Request, peer: Peer) => server.reply(request, peer.context);
 * const ws = crossws({ hooks: createCrosswsHooks(answer, { allowedOrigins: ['https://app.example'] }) });
 */
export function createCrosswsHooks<P extends CrosswsPeer>(
  answer: (request: Request, peer: P) => Promise<Reply> | Reply,
  options: CrosswsOptions,
): CrosswsHooks<P> {
  const sessions = new Map<string, { session: Session; closed(): void }>();
  return {
    upgrade(request) {
      const { allowedOrigins, allowMissingOrigin: allowMissing } = options;
      if (!isAllowedOrigin(request.headers.get('origin'), allowedOrigins, { allowMissing }))
        return new Response(null, { status: 403 });
      const offered = request.headers.get('sec-websocket-protocol')?.split(',') ?? [];
      return offered.some((name) => name.trim() === webSocketProtocol) ? { protocol: webSocketProtocol } : undefined;
    },
    open(peer) {
      const port = createSocketPort(peer, options, () => session.closed());
      const session = createSession(port, (request) => answer(request, peer), options);
      sessions.set(peer.id, { session, closed: () => port.closed() });
    },
    message: (peer, message) => sessions.get(peer.id)?.session.receive(message.text()),
    close(peer) {
      const open = sessions.get(peer.id);
      sessions.delete(peer.id);
      open?.closed();
      open?.session.closed();
    },
  };
}
