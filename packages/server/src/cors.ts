/**
 * CORS: which pages may call the server. Without `allowedOrigins` no page of another origin can: sending JSON needs a
 * preflight, and no answer allows it. With the list, a request from any other origin is refused, even where a browser
 * sends no preflight (`null`, old engines), and the listed origins get exactly our headers.
 */
import { ChatKitError } from '@chatkit/core';
import type { Reply } from '@chatkit/transport';
import type { ServerRequest } from './server-request.ts';
import type { Settings } from './settings.ts';

/**
 * Throws `request.forbidden_origin` for a host name that is not on the list. In a DNS rebinding attack a page's own
 * host name is pointed at this machine, so its requests are same-origin and only the name gives it away.
 */
export const assertHost = ({ allowedHosts }: Settings, request: ServerRequest): void => {
  const host = request.headers.get('host');
  // Every browser sends one. Requests over a WebSocket have none; the handshake had it.
  if (allowedHosts === undefined || host === null) return;
  const url = URL.parse(`http://${host}`);
  if (url !== null && allowedHosts.has(url.hostname)) return;
  throw new ChatKitError(
    'request.forbidden_origin',
    'This server does not answer to this host name: it is not in allowedHosts.',
  );
};

/**
 * Throws `request.forbidden_origin` for an origin that is not on the list. Clients that are not browsers send no
 * `Origin`.
 */
export const assertOrigin = ({ allowedOrigins }: Settings, request: ServerRequest): void => {
  const origin = request.headers.get('origin');
  if (allowedOrigins === undefined || origin === null || allowedOrigins.has(origin)) return;
  throw new ChatKitError(
    'request.forbidden_origin',
    'Pages of this origin may not call this server: it is not in allowedOrigins.',
  );
};

/**
 * The headers that let a listed page read the answer. Without a list, a middleware in front of the server may handle
 * CORS and not know our headers. So they are exposed anyway: that alone admits nobody, and a client that cannot read
 * the run's id could neither resume nor stop it.
 */
export const corsHeaders = ({ allowedOrigins }: Settings, request: ServerRequest): Record<string, string> => {
  const origin = request.headers.get('origin');
  if (allowedOrigins === undefined) return origin === null ? {} : exposed;
  if (origin === null || !allowedOrigins.has(origin)) return { vary: 'origin' };
  return {
    vary: 'origin',
    'access-control-allow-origin': origin,
    'access-control-allow-credentials': 'true',
    ...exposed,
  };
};

/** The response headers that our client reads. */
const exposed = {
  'access-control-expose-headers':
    'chatkit-run-id, chatkit-active-run, chatkit-heartbeat, chatkit-replay-to, retry-after',
};

/**
 * The answer to a preflight. A page of a listed origin may send any request headers: an application's client may add
 * its own (`headers`), and an origin that is trusted with the user's cookies is trusted with a header.
 */
export const preflight = (request: ServerRequest): Reply => ({
  status: 204,
  headers: {
    'access-control-allow-methods': 'GET, POST',
    'access-control-allow-headers': allowedHeaders(request.headers.get('access-control-request-headers') ?? ''),
    'access-control-max-age': '600',
  },
  body: null,
});

/**
 * The request headers that the server reads, and the usual one for credentials. They are listed even if the preflight
 * does not name them: browsers remember the answer for each header, so the first preflight serves for later requests.
 */
const ownHeaders = [
  'authorization',
  'chatkit-client',
  'chatkit-conversation',
  'chatkit-run-id',
  'chatkit-repeat',
  'content-type',
  'last-event-id',
];

/** Our headers and the requested ones, as far as those are valid header names. */
const allowedHeaders = (asked: string): string => {
  const names = asked
    .toLowerCase()
    .split(',')
    .map((name) => name.trim());
  return [...new Set([...ownHeaders, ...names.filter((name) => /^[a-z][a-z\d_-]{0,99}$/.test(name))])].join(', ');
};
