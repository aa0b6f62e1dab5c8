/** Content negotiation between gzip and no coding at all (RFC 9110 §12.5.3), for a body that may be either. */
import type { ServerResponse } from 'node:http';
import type { Reply } from '../reply.ts';

/** Whether a body is sent as gzip, and the headers that say so. */
export interface Negotiated {
  readonly isGzip: boolean;
  readonly headers: Reply['headers'];
}

/**
 * Looks at what the client takes. The answer varies by that either way, so `Vary` is sent in any case; a body with a coding or a
 * length of its own is left alone, also where a middleware has set them on the response.
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
 * Whether a response may be gzip: listed, as itself, as `x-gzip` or under `*`, with a weight above 0 and not below that of
 * an explicit `identity`. A client that says nothing gets no coding, although the RFC would allow any. What is
 * malformed counts as not listed.
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
