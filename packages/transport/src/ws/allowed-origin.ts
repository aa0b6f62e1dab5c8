/**
 * Who may open a WebSocket. Browsers send cookies along with a handshake from any page and leave it to the server to look
 * at `Origin` (cross-site WebSocket hijacking, CWE-1385); no WebSocket library does so by itself.
 */

/** How a handshake without `Origin`, which no browser makes, is taken. */
export interface AllowedOriginOptions {
  /** Whether it may pass: only where the client has shown a token, never on cookies alone. Default `false`. */
  allowMissing?: boolean | undefined;
}

/**
 * Whether a handshake from `origin` may go on. Origins are compared whole: scheme, host and port. The opaque origin
 * `null` (sandboxed frames, files) never passes.
 *
 * @param allowed Such as `['https://app.example', 'http://localhost:5173']`.
 *
 * @example
 * if (!isAllowedOrigin(request.headers.origin, origins)) return refuseUpgrade(socket);
 */
export function isAllowedOrigin(
  origin: string | null | undefined,
  allowed: readonly string[],
  { allowMissing = false }: AllowedOriginOptions = {},
): boolean {
  if (origin === undefined || origin === null) return allowMissing;
  return origin !== 'null' && allowed.includes(origin);
}

/**
 * Answers an upgrade request with 403 and ends its connection, before any WebSocket exists.
 *
 * @param socket The socket of Node's `'upgrade'` event.
 */
export function refuseUpgrade(socket: { end(text: string): unknown }): void {
  socket.end('HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
}
