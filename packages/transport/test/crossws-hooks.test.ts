import { expect, it } from 'vitest';
import { encodeSse } from '../src/index.ts';
import { closeCodes, createCrosswsHooks, webSocketProtocol } from '../src/ws/index.ts';
import { turns, until } from './support/node-server.ts';

const handshake = (headers: Record<string, string>) => new Request('http://localhost/', { headers });
const allowedOrigins = ['https://app.example'];
const hello = () => ({ status: 200, headers: {}, body: 'hello' });
const peer = (id: string) => {
  const sent: string[] = [];
  const closes: unknown[] = [];
  return {
    id,
    sent,
    closes,
    bufferedAmount: 0,
    send: (text: string) => sent.push(text),
    close: (code?: number) => void closes.push(code),
  };
};
const open = (run: string) => ({
  text: () => JSON.stringify({ run, open: { method: 'GET', path: '/', headers: {}, body: null }, window: 1000 }),
});

it('refuses foreign origins before the upgrade, and takes the subprotocol', () => {
  const { upgrade } = createCrosswsHooks(hello, { allowedOrigins });
  expect(upgrade(handshake({ origin: 'https://evil.example' }))).toMatchObject({ status: 403 });
  expect(upgrade(handshake({}))).toMatchObject({ status: 403 });
  expect(upgrade(handshake({ origin: 'https://app.example' }))).toBeUndefined();
  expect(
    upgrade(handshake({ origin: 'https://app.example', 'sec-websocket-protocol': `other, ${webSocketProtocol}` })),
  ).toEqual({
    protocol: webSocketProtocol,
  });
});

it('answers each peer, and lets go of what a peer had open when it closes', async () => {
  let aborted = 0;
  const hooks = createCrosswsHooks(
    (request, { id }: ReturnType<typeof peer>) => {
      if (id === 'a') return { status: 200, headers: {}, body: `hello ${id}` };
      request.signal.addEventListener('abort', () => aborted++);
      return {
        status: 200,
        headers: {},
        body: (async function* () {
          for (;;) {
            yield encodeSse({ data: 'x' });
            await turns(1);
          }
        })(),
      };
    },
    { allowedOrigins },
  );
  const [a, b] = [peer('a'), peer('b')];
  for (const one of [a, b]) {
    hooks.open(one);
    hooks.message(one, open('r1'));
  }
  await until(() => a.sent.length === 3 && b.sent.length > 3);
  expect(a.sent).toEqual(['r1 head\n{"status":200,"headers":{}}', 'r1 body\nhello a', 'r1 end\n']);
  hooks.close(b);
  expect(aborted).toBe(1);
  const before = b.sent.length;
  await turns(10);
  expect(b.sent.length).toBe(before);
  hooks.message(a, { text: () => 'nonsense' });
  expect(a.closes).toEqual([closeCodes.badMessage]);
});
