// Of docs/reference/security.md: pages of other sites, names that were pointed here, answers put to other use.
import { expect, test } from 'vitest';
import { ada, ask, create, exchange, expectUnharmed, optIn, post, rawPost, startChat, statusOf } from './support.ts';

const page = 'https://app.example';
const evil = 'https://evil.example';
const asks = {
  'access-control-request-method': 'POST',
  'access-control-request-headers': 'content-type,last-event-id',
};
const acao = 'access-control-allow-origin';

test.each([
  ['evil.example', 403],
  ['evil.example:3000', 403],
  ['localhost.evil.example', 403],
  ['127.0.0.1.evil.example', 403],
  ['localhost@evil.example', 403],
  ['evil.example#localhost', 403],
  ['localhost, evil.example', 403],
  ['2130706433', 200], // 127.0.0.1 as one number: the same machine
  ['localhost:3000', 200],
  ['LOCALHOST', 200],
  ['127.0.0.1:3000', 200],
  ['[::1]:3000', 200],
])('DNS rebinding: the host name %s gets %i', async (host, status) => {
  const chat = await startChat({ allowedHosts: ['localhost', '127.0.0.1', '[::1]'] });
  const answer = await ask(chat.port, { headers: { ...ada, host } });
  expect(answer.status).toBe(status);
  if (status === 403) await expectUnharmed(chat);
});

test('a second host header hides nothing', async () => {
  const chat = await startChat({ allowedHosts: ['localhost', '127.0.0.1'] });
  const { text } = await exchange(
    chat.port,
    rawPost(JSON.stringify(create()), { host: 'localhost\r\nhost: evil.example', connection: 'close' }),
  );
  expect([400, 403]).toContain(statusOf(text));
  await expectUnharmed(chat);
});

test.each([
  evil,
  'null',
  `${page}.evil.example`,
  'http://app.example',
  `${page}:8443`,
  `${page}/`,
  'https://APP.example',
  '*',
])('the origin %s is refused, reads nothing and is told so before anybody is asked who it is', async (origin) => {
  const chat = await startChat({ allowedOrigins: [page] });
  for (const headers of [{ ...ada, origin }, { origin }]) {
    const answer = await ask(chat.port, { headers });
    expect([answer.status, answer.headers[acao], answer.headers['access-control-allow-credentials']]).toEqual([
      403,
      undefined,
      undefined,
    ]);
  }
  const first = await ask(chat.port, { method: 'OPTIONS', headers: { origin, ...asks } });
  expect([first.status, first.headers[acao]]).toEqual([403, undefined]);
  await expectUnharmed(chat);
});

test('without a list there is no CORS header that lets a page in, so that no other one gets past its own browser', async () => {
  const chat = await startChat();
  const first = await ask(chat.port, { method: 'OPTIONS', headers: { origin: evil, ...asks } });
  expect(first.status).toBe(405);
  const answer = await ask(chat.port, { headers: { ...ada, origin: evil } });
  for (const { headers } of [first, answer]) {
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control-allow'))).toEqual([]);
  }
});

test('a listed page may send our headers and those it asks for, also before it has signed in', async () => {
  const chat = await startChat({ allowedOrigins: [page] });
  // A browser asks first without cookies and without a token.
  const { status, headers } = await ask(chat.port, { method: 'OPTIONS', headers: { origin: page, ...asks } });
  expect([status, headers[acao], headers['access-control-allow-methods']]).toEqual([204, page, 'GET, POST']);
  expect((headers['access-control-allow-headers'] as string).split(', ').sort()).toEqual([
    'authorization',
    'chatkit-client',
    'chatkit-conversation',
    'chatkit-repeat',
    'chatkit-run-id',
    'content-type',
    'last-event-id',
  ]);
  expect(chat.errors).toEqual([]);
});

test('an application of a listed page may have headers of its own, and nothing but names comes back', async () => {
  const chat = await startChat({ allowedOrigins: [page] });
  const asked = `content-type, X-Api-Key, *, a b, x:y, x-tenant,${'x'.repeat(200)}`;
  const { headers } = await ask(chat.port, {
    method: 'OPTIONS',
    headers: { origin: page, ...asks, 'access-control-request-headers': asked },
  });
  const allowed = (headers['access-control-allow-headers'] as string).split(', ');
  expect(allowed.filter((name) => name.startsWith('x') || /[^a-z-]/.test(name))).toEqual(['x-api-key', 'x-tenant']);
});

test('a listed page may read that it has to sign in', async () => {
  const chat = await startChat({ allowedOrigins: [page] });
  const answer = await ask(chat.port, { headers: { origin: page } });
  expect([answer.status, answer.headers[acao], answer.headers.vary]).toEqual([401, page, 'origin']);
  expect(answer.text).toContain('request.unauthorized');
  await expectUnharmed(chat);
});

test('no answer can be loaded as a script, sniffed, embedded elsewhere or served from a cache', async () => {
  const chat = await startChat();
  const answers = [
    await post(chat.url, create(), { ...ada, ...optIn, 'chatkit-run-id': 'r' }),
    await fetch(`${chat.url}?run=r`, { headers: ada }),
    await post(chat.url, { type: 'threads.list', params: {} }),
    await post(chat.url, 'no json'),
    await post(chat.url, create(), {}),
    await fetch(chat.url, { headers: ada }),
  ];
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 400, 401, 400]);
  for (const { headers } of answers) {
    expect(headers.get('content-type')).toMatch(/^(?:text\/event-stream; charset=utf-8|application\/json)$/);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
    expect(headers.get('cache-control')).toMatch(/^no-(?:store|cache, no-transform)$/);
  }
  for (const answer of answers) await answer.text();
});

test('a request that no browser makes for a page of another site, with and without its origin', async () => {
  const chat = await startChat({ allowedOrigins: [page] });
  const forged = { ...ada, 'content-type': 'text/plain', 'sec-fetch-site': 'cross-site' };
  expect((await ask(chat.port, { headers: forged })).status).toBe(415);
  expect((await ask(chat.port, { headers: { ...forged, origin: evil } })).status).toBe(403);
  expect((await ask(chat.port, { headers: { ...ada, 'sec-fetch-site': 'cross-site', origin: evil } })).status).toBe(
    403,
  );
  await expectUnharmed(chat);
});
