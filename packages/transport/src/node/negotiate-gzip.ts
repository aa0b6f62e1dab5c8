/** Decides whether a body is sent as gzip or unencoded, by content negotiation (RFC 9110 §12.5.3). */
import type { ServerResponse } from 'node:http';
import type { Reply } from '../reply.ts';

/** Whether a body is sent as gzip, and the headers that say so. */
export interface Negotiated {
  readonly isGzip: boolean;
  readonly headers: Reply['headers'];
}

/**
 * Negotiates by the client's `Accept-Encoding`. `Vary` is sent either way, because the response depends on that header.
 * A body that already has a coding or a length is left alone, even if a middleware set those on the response.
 */
export function negotiateGzip(headers: Reply['headers'], response: ServerResponse): Negotiated {
  const given = (name: string) => headers[name] ?? response.getHeader(name);
  if (given('content-encoding') !== undefined || given('content-length') !== undefined)
    return { isGzip: false, headers };
  const vary = String(given('vary') ?? '');
  const varied = { ...headers, vary: namesIt.test(vary) ? vary : vary === '' ? name : `${vary}, ${name}` };
  return acceptsGzip(response.req?.headers['accept-encoding']?.toString())
    ? { isGzip: true, headers: { ...varied, 'content-encoding': 'gzip' } }
    : { isGzip: false, headers: varied };
}

const name = 'accept-encoding';
const namesIt = /(?:^|,)\s*(?:\*|accept-encoding)\s*(?:,|$)/i;

/**
 * Whether the client accepts gzip: listed as `gzip`, `x-gzip` or `*`, with a weight above 0 and not below that of an
 * explicit `identity`. Without the header there is no coding, although the RFC would allow any. Malformed elements are
 * ignored.
 *
 * @example
 * acceptsGzip('br;q=1.0, gzip;q=0.8, *;q=0.1'); // true
 */
export function acceptsGzip(header: string | undefined): boolean {
  const weights = new Map<string, number>();
  for (const element of header?.split(',') ?? []) {
    const [, coding, weight = '1'] = elementForm.exec(element) ?? [];
    if (coding !== undefined) weights.set(coding.toLowerCase().replace(/^x-gzip$/, 'gzip'), Number(weight));
  }
  const gzip = weights.get('gzip') ?? weights.get('*') ?? 0;
  return gzip > 0 && gzip >= (weights.get('identity') ?? 0);
}

/** A coding (a token of §5.6.2) and its weight of at most three decimals (§12.4.2). */
const elementForm =
  /^[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:[ \t]*;[ \t]*[qQ]=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?[ \t]*$/;
