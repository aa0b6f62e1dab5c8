/**
 * The protocol on a WebSocket: the same requests and replies as over HTTP, many at a time, each tagged with the id of
 * its run. A body keeps its HTTP form (event-stream text), so both transports share encoders, decoders, ids and resume.
 *
 * Client to server, JSON: `{ run, open: { method, path, headers, body }, window }`, `{ run, more }`, `{ run, close:
 * true }`. Server to client, text: a line `<run> <kind>`, then the payload. `head`: JSON `{ status, headers }`. `body`:
 * text of the body, which may be part of a long frame. `end`: the body is complete. `fail`: the body broke off.
 *
 * A WebSocket has no flow control per run, and a browser's has none at all. So the client grants each run a window, in
 * UTF-16 code units of body text, and extends it with `more` as its consumer reads. A run whose window is used up
 * waits; the others go on.
 */
import { idForm } from '../encode-sse.ts';

/** The subprotocol that both sides offer. */
export const webSocketProtocol = 'chatkit.v1';

/** A request, as sent over the socket. */
export interface OpenMessage {
  readonly method: string;
  /** Path and query, starting with `/`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

/** A message from the client. */
export type ClientMessage = { readonly run: string } & (
  | { readonly open: OpenMessage; readonly window: number }
  | { readonly more: number }
  | { readonly close: true }
);

/** A message from the server. */
export interface ServerMessage {
  readonly run: string;
  readonly kind: 'head' | 'body' | 'end' | 'fail';
  readonly payload: string;
}

/** The status and headers of a reply. */
export interface Head {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** Close codes, which say why a side closes the socket. 4000 to 4999 are reserved for applications. */
export const closeCodes = {
  /** A normal close. */
  done: 1000,
  /** The server is shutting down: reconnect and resume. */
  goingAway: 1001,
  /** A message was larger than this side accepts. */
  tooLarge: 1009,
  /** The same from a client: a browser may only send 1000 and 3000 to 4999. */
  tooLargeForClient: 4009,
  /** The connection has reached its maximum age: reconnect. */
  restart: 1012,
  /** The client reads nothing: reconnect later and resume. */
  stuck: 1013,
  /** A message did not follow this protocol. */
  badMessage: 4400,
  /** The run id is already in use. */
  runInUse: 4409,
} as const;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isWindow = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0;

/** Parses a client's message; `undefined` if it is not one. */
export function parseClientMessage(text: string): ClientMessage | undefined {
  const value = parseJson(text);
  if (!isRecord(value)) return undefined;
  const { run, open, window, more, close } = value;
  if (typeof run !== 'string' || !idForm.test(run)) return undefined;
  if (close === true) return { run, close };
  if (isWindow(more)) return { run, more };
  if (!isRecord(open) || !isWindow(window)) return undefined;
  const { method, path, headers, body } = open;
  if (typeof method !== 'string' || typeof path !== 'string' || !path.startsWith('/')) return undefined;
  if (body !== null && typeof body !== 'string') return undefined;
  if (!isRecord(headers) || !(headLength(path, headers) <= maxHeadLength)) return undefined;
  return { run, open: { method, path, headers: headers as Record<string, string>, body }, window };
}

/** How much a request may have of path and headers, as over HTTP with Node: to read many headers takes long. */
const maxHeadLength = 16 * 1024;

/** Their length, with four more for what is between and behind name and value; NaN if a value is not text. */
const headLength = (path: string, headers: Record<string, unknown>): number =>
  Object.entries(headers).reduce(
    (sum, [name, value]) => sum + name.length + (typeof value === 'string' ? value.length + 4 : Number.NaN),
    path.length,
  );

/** Formats a server's message. */
export const formatServerMessage = (run: string, kind: ServerMessage['kind'], payload = ''): string =>
  `${run} ${kind}\n${payload}`;

const kinds: ReadonlySet<string> = new Set<ServerMessage['kind']>(['head', 'body', 'end', 'fail']);

/** Parses a server's message; `undefined` if it is not one, or is of a kind that only newer servers send. */
export function parseServerMessage(text: string): ServerMessage | undefined {
  const lineEnd = text.indexOf('\n');
  const space = text.lastIndexOf(' ', lineEnd);
  if (space <= 0) return undefined;
  const kind = text.slice(space + 1, lineEnd);
  if (!kinds.has(kind)) return undefined;
  return { run: text.slice(0, space), kind: kind as ServerMessage['kind'], payload: text.slice(lineEnd + 1) };
}

/** Parses the payload of a `head`. */
export function parseHead(payload: string): Head | undefined {
  const value = parseJson(payload);
  if (!isRecord(value) || !Number.isInteger(value['status']) || !isRecord(value['headers'])) return undefined;
  return value as unknown as Head;
}

/** Cuts a close reason, between characters, to the 123 bytes that fit into a close frame. */
export function closeReason(text: string): string {
  const encoder = new TextEncoder();
  let reason = '';
  let size = 0;
  for (const character of text) {
    size += encoder.encode(character).byteLength;
    if (size > 123) break;
    reason += character;
  }
  return reason;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
