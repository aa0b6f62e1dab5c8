// The Node adapter under HTTP/2, as `node:http2` and a browser in front of it speak it.
import { once } from 'node:events';
import { type ClientHttp2Session, connect, createServer, type Http2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { createMemoryStore } from '@chatkit/store/memory';
import { hang, say, scriptedResponder } from '@chatkit/testing';
import { decodeSse } from '@chatkit/transport';
import { afterEach, describe, expect, test } from 'vitest';
import { createChatKitServer } from '../src/index.ts';
import { toNodeHandler } from '../src/node/index.ts';
import { ada, create, type User } from './support.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

type Options = Partial<Parameters<typeof createChatKitServer<User>>[0]>;
const serve = async (options: Options = {}): Promise<{ session: ClientHttp2Session; errors: unknown[] }> => {
  const errors: unknown[] = [];
  const chat = createChatKitServer<User>({
    store: createMemoryStore<User>(),
    respond: scriptedResponder([say('Hel', 'lo')]),
    onError: (error) => errors.push(error),
    ...options,
  });
  const server: Http2Server = createServer(toNodeHandler(chat, { context: () => ada }));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  closers.push(() => {
    session.destroy();
    server.close();
  });
  return { session, errors };
};

const ask = async (session: ClientHttp2Session, body: unknown, headers: Record<string, string> = {}) => {
  const stream = session.request({
    ':method': 'POST',
    ':path': '/chatkit',
    ':authority': 'localhost:3000',
    'content-type': 'application/json',
    ...headers,
  });
  stream.on('error', () => {});
  const answered = once(stream, 'response');
  stream.end(typeof body === 'string' ? body : JSON.stringify(body));
  const [answer] = await answered;
  return { stream, status: answer[':status'] as number, headers: answer };
};

describe('HTTP/2', () => {
  test('streams an answer, many at once on one connection', async () => {
    const { session, errors } = await serve();
    const texts = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const { stream, status } = await ask(session, create());
        expect(status).toBe(200);
        let last = '';
        for await (const { data } of decodeSse(stream)) last = data ?? last;
        return last;
      }),
    );
    for (const text of texts) expect(text).toContain('Hello');
    expect(errors).toEqual([]);
  });

  test('goes on with a run for a client that resumes', async () => {
    const { session } = await serve();
    const { stream, headers } = await ask(session, create(), { 'chatkit-client': '1' });
    stream.resume();
    await once(stream, 'end');
    const again = session.request({
      ':path': `/chatkit?run=${headers['chatkit-run-id']}`,
      'chatkit-client': '1',
    });
    let text = '';
    for await (const chunk of again.setEncoding('utf8')) text += chunk;
    expect(text).toContain('Hello');
  });

  test('a stream that is reset stops a run that nobody can resume', async () => {
    const respond = scriptedResponder([hang()]);
    const { session } = await serve({ respond });
    const { stream } = await ask(session, create());
    await once(stream, 'data');
    expect(respond.calls[0]?.outcome).toBe('running');
    stream.close(8);
    await expect.poll(() => respond.calls[0]?.outcome).not.toBe('running');
  });

  test('host and origin are looked at, and a body that is too large is refused', async () => {
    const { session } = await serve({ allowedHosts: ['chat.example'] });
    expect((await ask(session, create())).status).toBe(403);
    const open = await serve({ allowedHosts: ['localhost'], allowedOrigins: ['https://app.example'] });
    expect((await ask(open.session, create())).status).toBe(200);
    expect((await ask(open.session, create(), { origin: 'https://evil.example' })).status).toBe(403);
    const small = await serve({ maxBodyBytes: 1_000 });
    const { status, stream } = await ask(small.session, 'x'.repeat(100_000));
    expect(status).toBe(413);
    stream.resume();
    await once(stream, 'close');
    expect((await ask(small.session, create())).status).toBe(200);
  });
});
