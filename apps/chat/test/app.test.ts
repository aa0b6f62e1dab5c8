import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMemoryStore } from '@chatkit/store/memory';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Visitor } from '../server/anonymous-user.ts';
import { readConfig } from '../server/config.ts';
import { createApp } from '../server/create-app.ts';
import { createStaticFiles } from '../server/static-files.ts';
import { index } from './fixtures.ts';

let base = '';
let lines: string[] = [];
let warmUp = async () => {};
let port = 0;
const ends: (() => unknown)[] = [];

beforeAll(async () => {
  const root = await mkdtemp(join(tmpdir(), 'chat-page-'));
  await mkdir(join(root, 'dist', 'assets'), { recursive: true });
  await writeFile(join(root, 'dist', 'index.html'), '<!doctype html>page');
  await writeFile(join(root, 'dist', 'assets', 'index-abc.js'), 'script');
  await writeFile(join(root, 'secret.txt'), 'secret');
  const app = createApp({
    config: readConfig({ CHAT_PACE: '0' }, root),
    index,
    data: { store: createMemoryStore<Visitor>({ userOf: (visitor) => visitor.userId }) },
    files: await createStaticFiles(join(root, 'dist')),
    log: (line) => lines.push(line),
  });
  warmUp = () => app.warmUp();
  const http = createServer((request, response) => void app.handle(request, response));
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  port = (http.address() as AddressInfo).port;
  base = `http://127.0.0.1:${port}`;
  ends.push(
    () => app.close(),
    () => http.close(),
    () => rm(root, { recursive: true }),
  );
});
afterAll(async () => {
  for (const end of ends) await end();
});

/** A request as it stands: `fetch` would tidy the path. */
const raw = (path: string, method = 'GET') =>
  new Promise<string>((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(`${method} ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`);
    });
    let text = '';
    socket.on('data', (data) => {
      text += data;
    });
    socket.on('end', () => resolve(text));
    socket.on('error', reject);
  });

test.each(['/', '/t/thr_123'])('%s is the page, with a policy and a cookie', async (path) => {
  const response = await fetch(base + path);
  expect(await response.text()).toBe('<!doctype html>page');
  expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(response.headers.get('cache-control')).toBe('no-cache');
  expect(response.headers.get('content-security-policy')).toContain("script-src 'self'");
  expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  expect(response.headers.get('set-cookie')).toMatch(/^chat_visitor=[\w-]{22}; .*HttpOnly; SameSite=Lax$/);
});

test('assets are immutable, and known ones are not sent again', async () => {
  const response = await fetch(`${base}/assets/index-abc.js`);
  expect(response.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
  expect(response.headers.get('cache-control')).toContain('immutable');
  const again = await fetch(`${base}/assets/index-abc.js`, {
    headers: { 'if-none-match': response.headers.get('etag') ?? '' },
  });
  expect(again.status).toBe(304);
});

test.each([
  '/../secret.txt',
  '/assets/../../secret.txt',
  '/%2e%2e/secret.txt',
  '/..%2fsecret.txt',
  '/assets/..%5c..%5csecret.txt',
  '/source/../secret.txt',
  '/source/..%2f..%2fsecret.txt',
  '//secret.txt',
  '/index.html%00.js',
  '/%ff',
  '/nothing.js',
])('%s is not served', async (path) => {
  const answer = await raw(path);
  expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
  expect(answer).not.toContain('secret\r\n');
  expect(answer.endsWith('secret')).toBe(false);
});

test('whoever types an address that is none gets the page, which says so; a script or an image does not', async () => {
  const typed = await fetch(`${base}/docs`, { headers: { accept: 'text/html,*/*;q=0.8', 'if-none-match': '*' } });
  expect(typed.status).toBe(404);
  expect(await typed.text()).toBe('<!doctype html>page');
  expect(typed.headers.get('content-security-policy')).toContain("script-src 'self'");
  const loaded = await fetch(`${base}/assets/gone.js`);
  expect(loaded.status).toBe(404);
  expect(await loaded.text()).toBe('Not found');
});

test('sources are served as plain text, and only those in the index', async () => {
  const response = await fetch(`${base}/source/docs/lamps.md`);
  expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
  expect(await response.text()).toContain('# Lamps');
  expect((await fetch(`${base}/source/package.json`)).status).toBe(404);
});

test('other methods are refused', async () => {
  expect((await fetch(base, { method: 'DELETE' })).status).toBe(405);
});

const post = (body: unknown, cookie = '') =>
  fetch(`${base}/chatkit`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', cookie },
    body: JSON.stringify(body),
  });

test('on loopback the chat answers to no other host name', async () => {
  const ask = (host: string) =>
    new Promise<string>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        const head = `POST /chatkit HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\ncontent-type: application/json\r\n`;
        const body = '{"type":"threads.list","params":{}}';
        socket.write(`${head}content-length: ${body.length}\r\n\r\n${body}`);
      });
      let text = '';
      socket.on('data', (data) => {
        text += data;
      });
      socket.on('end', () => resolve(text));
    });
  expect(await ask(`localhost:${port}`)).toMatch(/^HTTP\/1\.1 200 /);
  expect(await ask('evil.example')).toMatch(/^HTTP\/1\.1 403 /);
});

test('a question of 4,000 characters is taken, in any script; much more is refused before it is kept', async () => {
  const ask = (text: string) => {
    const input = { content: [{ type: 'input_text', text }], attachments: [], inference_options: {} };
    return post({ type: 'threads.create', params: { input } });
  };
  for (const letter of ['a', '"', '\u0001', '字', '🏮']) {
    const response = await ask(letter.repeat(4_000 / letter.length));
    expect(response.status).toBe(200);
    await response.text();
  }
  const refused = await ask('a'.repeat(40_000));
  expect(refused.status).toBe(413);
  expect(await refused.json()).toMatchObject({ error: { code: 'request.too_large' } });
});

test('a visitor sees only their own conversations', async () => {
  const input = {
    content: [{ type: 'input_text', text: 'How do I stop a lamp?' }],
    attachments: [],
    inference_options: {},
  };
  const created = await post({ type: 'threads.create', params: { input } });
  expect(await created.text()).toContain('"title":"How do I stop a lamp"');
  const cookie = created.headers.get('set-cookie')?.split(';')[0] ?? '';
  const list = { type: 'threads.list', params: {} };
  expect((await (await post(list, cookie)).json()).data).toHaveLength(1);
  expect((await (await post(list)).json()).data).toHaveLength(0);
  expect((await (await post(list, 'chat_visitor=short')).json()).data).toHaveLength(0);
});

test.each([
  [{ PORT: '99999' }, 'PORT'],
  [{ PORT: 'x' }, 'PORT'],
  [{ CHAT_PACE: '-1' }, 'CHAT_PACE'],
])('a malformed setting is named: %j', (env, name) => {
  expect(() => readConfig(env, '/')).toThrow(name);
});

test('the rehearsal answers a question to nobody: no thread is left, and no line in the log', async () => {
  lines = [];
  await warmUp();
  expect(lines).toEqual([]);
  const response = await fetch(`${base}/chatkit`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ type: 'threads.list', params: {} }),
  });
  expect(await response.json()).toMatchObject({ data: [] });
});
