/**
 * Checks which pages may open a WebSocket. Browsers send cookies with a handshake from any page and leave it to the
 * server to check `Origin` (cross-site WebSocket hijacking, CWE-1385). No WebSocket library does that by itself.
 */

/** What to do with a handshake without `Origin`, which no browser sends. */
export interface AllowedOriginOptions {
  /**
   * Whether to accept it. Only for clients that authenticate with a token, never with cookies alone. Default `false`.
   */
  allowMissing?: boolean | undefined;
}

/**
 * Whether to accept a handshake from `origin`. Origins are compared whole: scheme, host and port. The opaque origin
 * `null` (sandboxed frames, files) never passes.
 *
 * @param allowed For example `['https://app.example', 'http://localhost:5173']`.
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
