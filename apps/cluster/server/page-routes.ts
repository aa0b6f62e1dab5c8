/** What the page is made of and what its buttons call. Everything else goes to the machines. */
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { map, pipe, pushable, throttle } from '@chatkit/stream';
import { encodeSse, eventStreamHeaders } from '@chatkit/transport';
import { writeReply } from '@chatkit/transport/node';
import type { ClusterView } from './cluster-view.ts';

export const verbs = ['kill', 'start', 'pause', 'resume', 'deploy'] as const;
export type Verb = (typeof verbs)[number];

export interface PageRoutesOptions {
  view: () => ClusterView;
  /** Calls the listener after changes, until the returned function is called. */
  subscribe: (listener: () => void) => () => void;
  act: (name: string, verb: Verb) => Promise<void>;
}

const files = new Map([
  ['/', { path: '../web/index.html', type: 'text/html; charset=utf-8' }],
  ['/styles.css', { path: '../web/styles.css', type: 'text/css; charset=utf-8' }],
  ['/main.js', { path: '../dist/main.js', type: 'text/javascript; charset=utf-8' }],
]);

export const createPageRoutes = ({ view, subscribe, act }: PageRoutesOptions) => {
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    const file = files.get(path);
    if (request.method === 'GET' && file !== undefined) {
      const body = await readFile(new URL(file.path, import.meta.url));
      response.writeHead(200, { 'content-type': file.type, 'cache-control': 'no-cache', ...secure }).end(body);
      return;
    }
    if (request.method === 'GET' && path === '/cluster') return stream(response);
    const [, name, verb] = /^\/machines\/(\w+)\/(\w+)$/.exec(path) ?? [];
    if (request.method === 'POST' && name !== undefined && isVerb(verb)) {
      // A button of this page, and not a form on somebody else's.
      if (!isOwn(request)) return plain(response, 403, 'Forbidden');
      await act(name, verb);
      response.writeHead(204).end();
      return;
    }
    plain(response, 404, 'Not found');
  };

  /** The view, now and after every change, at most ten times a second. */
  const stream = (response: ServerResponse): Promise<void> => {
    const changes = pushable<'changed'>({ capacity: 1, overflow: 'drop-newest', onClose: () => unsubscribe() });
    const unsubscribe = subscribe(() => void changes.push('changed'));
    changes.push('changed');
    const body = pipe(
      changes,
      throttle({ everyMs: 100 }),
      map(() => encodeSse({ data: JSON.stringify(view()) })),
    );
    return writeReply({ status: 200, headers: eventStreamHeaders, body }, response);
  };

  return handle;
};

const secure = {
  'content-security-policy': "default-src 'self'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
};

const isVerb = (verb: string | undefined): verb is Verb => (verbs as readonly (string | undefined)[]).includes(verb);

const isOwn = ({ headers: { host, origin } }: IncomingMessage): boolean =>
  origin === `http://${host}` && /^(localhost|127\.0\.0\.1):\d+$/.test(host ?? '');

const plain = (response: ServerResponse, status: number, text: string): void => {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(text);
};
