// WebSockets: serve replies on sockets of `ws`, of the runtime or of crossws; in the client, a `fetch` over one socket.

export { type AllowedOriginOptions, isAllowedOrigin, refuseUpgrade } from './allowed-origin.ts';
export { type CrosswsHooks, type CrosswsOptions, type CrosswsPeer, createCrosswsHooks } from './crossws-hooks.ts';
export type { Answer } from './open-run.ts';
export {
  type OpenWebSocketOptions,
  openWebSocket,
  type WebSocketConnection,
  type WebSocketConstructor,
} from './open-web-socket.ts';
export { closeCodes, webSocketProtocol } from './protocol.ts';
export { type ServerSocket, type ServeWebSocketOptions, serveWebSocket } from './serve-web-socket.ts';
export { createSession, type Session, type SessionOptions } from './session.ts';
export type { BufferedSocket, BufferOptions, SocketPort } from './socket-port.ts';
