// The same server behind a WebSocket: `serveWebSocket` brings the requests, `server.reply` answers them.
import { progressUpdate } from '@chatkit/core';
import { createVirtualClock, hang, say, scriptedResponder, wait } from '@chatkit/testing';
import { closeCodes, serveWebSocket } from '@chatkit/transport/ws';
import { expect, test } from 'vitest';
import { ada, create, eventsOf, framesOf, optIn, outcomeOf, settle, shown, testServer, textOf } from './support.ts';

/** The server's end of a socket, by hand. */
const socketPair = () => {
  const listeners = new Map<string, (event: { data: unknown }) => void>();
  const sent: string[] = [];
  const closes: (number | undefined)[] = [];
  return {
    sent,
    closes,
    socket: {
      bufferedAmount: 0,
      send: (data: string) => void sent.push(data),
      close: (code?: number) => {
        closes.push(code);
        listeners.get('close')?.({ data: undefined });
      },
      addEventListener: (type: string, listener: (event: { data: unknown }) => void) =>
        void listeners.set(type, listener),
    },
    say: (message: object) => listeners.get('message')?.({ data: JSON.stringify(message) }),
    leave: () => listeners.get('close')?.({ data: undefined }),
  };
};

const open = (run: string, body: object | null, path = '/', headers: Record<string, string> = optIn) => ({
  run,
  window: 1_000_000,
  open: {
    method: body === null ? 'GET' : 'POST',
    path,
    headers: { 'content-type': 'application/json', ...headers },
    body: body === null ? null : JSON.stringify(body),
  },
});

test('runs stream side by side, under their ids and offsets, and are resumed by the same GET', async () => {
  const t = testServer({ respond: scriptedResponder([say('Hi')]) });
  const { socket, sent, say: tell } = socketPair();
  serveWebSocket(socket, (request) => t.server.reply(request, ada));
  tell(open('a', create('one'), '/', { ...optIn, 'chatkit-run-id': 'a' }));
  tell(open('b', { type: 'threads.get_by_id', params: { thread_id: 'none' } }));
  await settle(20);
  const of = (run: string, kind: string) => sent.filter((text) => text.startsWith(`${run} ${kind}\n`)).join('');
  expect(of('a', 'head')).toContain('"status":200');
  expect(of('a', 'body')).toContain('id: 1-6');
  expect(of('a', 'body')).toContain('{"outcome":"completed"}');
  expect(of('a', 'end')).not.toBe('');
  expect(of('b', 'head')).toContain('"status":404');
  tell(open('c', null, '/?run=a&after=1-4'));
  await settle(20);
  expect(of('c', 'body')).toContain('{"outcome":"completed"}');
  expect(of('c', 'body')).not.toContain('id: 1-3\n');
});

test('a plain run stops when the client closes it, or when the socket is gone', async () => {
  const respond = scriptedResponder([progressUpdate('x'), hang()]);
  const t = testServer({ respond });
  const { socket, say: tell, leave } = socketPair();
  serveWebSocket(socket, (request) => t.server.reply(request, ada));
  tell(open('a', create(), '/', {}));
  tell(open('b', create(), '/', {}));
  await settle();
  tell({ run: 'a', close: true });
  await settle();
  expect(respond.calls.map(({ outcome }) => outcome)).toEqual(['threw', 'running']);
  leave();
  await settle();
  expect(respond.calls.map(({ outcome }) => outcome)).toEqual(['threw', 'threw']);
});

/** The frames of one run's body. */
const framesIn = (sent: readonly string[], run: string) => {
  const start = `${run} body\n`;
  return framesOf(
    new Response(sent.flatMap((message) => (message.startsWith(start) ? [message.slice(start.length)] : [])).join('')),
  );
};

test.each([
  ['on the same socket, which stays', Number.POSITIVE_INFINITY, []],
  ['on another socket, since the old one is closed behind it', 600_000, [closeCodes.restart]],
])('a body of 10 minutes is handed over and read on %s', async (_where, maxConnectionMs, closes) => {
  const clock = createVirtualClock();
  const respond = scriptedResponder([say('one '), wait(700_000), say('two')], { clock });
  const t = testServer({ clock, respond });
  const connect = () => {
    const pair = socketPair();
    serveWebSocket(pair.socket, (request) => t.server.reply(request, ada), { clock, maxConnectionMs });
    return pair;
  };
  const first = connect();
  first.say(open('a', create(), '/', { ...optIn, 'chatkit-run-id': 'r' }));
  await clock.advance(600_000);
  await settle(20);
  const before = await framesIn(first.sent, 'a');
  expect(before.at(-1)).toMatchObject({ event: 'reconnect', data: '{}' });
  expect(outcomeOf(before)).toBeUndefined();
  expect(first.sent.at(-1)).toBe('a end\n');
  expect(first.closes).toEqual(closes);

  const second = closes.length === 0 ? first : connect();
  second.say(open('b', null, `/?run=r&after=${before.at(-1)?.id}`));
  await clock.advance(100_000);
  await settle(20);
  const after = await framesIn(second.sent, 'b');
  expect(outcomeOf(after)).toBe('completed');
  expect(respond.calls).toHaveLength(1);
  const events = eventsOf([...before.filter(({ event }) => event !== 'reconnect'), ...after]);
  expect(shown(events).slice(1).map(textOf).join('')).toBe('one two');
});
