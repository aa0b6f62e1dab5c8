/**
 * Which pages may call. Without `allowedOrigins` there are no CORS headers that let one in: pages of other origins
 * cannot send JSON, because their browser asks first and gets no answer. With the list, a request from any other origin
 * is refused even where a browser would not ask (`null`, old engines), and the listed origins get exactly our headers.
 */
import { ChatKitError } from '@chatkit/core';
import type { Reply } from '@chatkit/transport';
import type { ServerRequest } from './server-request.ts';
import type { Settings } from './settings.ts';

/**
 * Throws `request.forbidden_origin` for a host name that is not on the list. A page whose own name was pointed at this
 * machine (DNS rebinding) is of the same origin as what it calls, so only the name tells.
 */
export const assertHost = ({ allowedHosts }: Settings, request: ServerRequest): void => {
  const host = request.headers.get('host');
  // Every browser sends one; a WebSocket's requests do not, its handshake did.
  if (allowedHosts === undefined || host === null) return;
  const url = URL.parse(`http://${host}`);
  if (url !== null && allowedHosts.has(url.hostname)) return;
  throw new ChatKitError(
    'request.forbidden_origin',
    'This server does not answer to this host name: it is not in allowedHosts.',
  );
};

/** Throws `request.forbidden_origin` for a page of an origin that is not on the list. Non-browsers send no `Origin`. */
export const assertOrigin = ({ allowedOrigins }: Settings, request: ServerRequest): void => {
  const origin = request.headers.get('origin');
  if (allowedOrigins === undefined || origin === null || allowedOrigins.has(origin)) return;
  throw new ChatKitError(
    'request.forbidden_origin',
    'Pages of this origin may not call this server: it is not in allowedOrigins.',
  );
};

/**
 * The headers that let a listed page read the answer. Without a list a middleware in front may let pages in, and knows
 * nothing of our headers: naming them lets nobody in, and a client that cannot read the run's id cannot resume or stop
 * it.
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

/** What our client reads of an answer. */
const exposed = {
  'access-control-expose-headers':
    'chatkit-run-id, chatkit-active-run, chatkit-heartbeat, chatkit-replay-to, retry-after',
};

/**
 * The answer to a browser that asks first. A page of a listed origin may send what headers it likes: what an
 * application's client adds (`headers`) is its own affair, and an origin that is trusted with the user's cookies is
 * trusted with a header.
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

const ownHeaders = [
  'authorization',
  'chatkit-client',
  'chatkit-run-id',
  'chatkit-repeat',
  'content-type',
  'last-event-id',
];

/** Ours, and those that were asked for; names alone, whatever else came. */
const allowedHeaders = (asked: string): string => {
  const names = asked
    .toLowerCase()
    .split(',')
    .map((name) => name.trim());
  return [...new Set([...ownHeaders, ...names.filter((name) => /^[a-z][a-z\d_-]{0,99}$/.test(name))])].join(', ');
};
