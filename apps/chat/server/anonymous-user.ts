/** Tells visitors apart by a random cookie: enough for a demo, where nobody signs in. */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** Who asks. */
export interface Visitor {
  readonly userId: string;
}

const COOKIE = 'chat_visitor';
const pattern = new RegExp(`(?:^|;\\s*)${COOKIE}=([A-Za-z0-9_-]{22})(?:;|$)`);
const MAX_AGE_S = 60 * 60 * 24 * 365;

/** The visitor that the request's cookie names, or a new one, whose cookie is set on the response. */
export const visitorOf = (request: IncomingMessage, response: ServerResponse): Visitor => {
  const known = pattern.exec(request.headers.cookie ?? '')?.[1];
  if (known !== undefined) return { userId: known };
  const userId = randomBytes(16).toString('base64url');
  response.setHeader('set-cookie', `${COOKIE}=${userId}; Path=/; Max-Age=${MAX_AGE_S}; HttpOnly; SameSite=Lax`);
  return { userId };
};
