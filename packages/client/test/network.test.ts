import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { toNodeHandler } from '@chatkit/server/node';
import { until as after, createVirtualClock, say, scriptedResponder, wait } from '@chatkit/testing';
import { createFaultProxy, type FaultProxy } from '@chatkit/testing/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createChatClient } from '../src/index.ts';
import { testChat, texts, until } from './support/chat.ts';

// Real sockets and the runtime's own fetch: what it throws when a connection breaks is not ours to script.
describe('over real sockets', () => {
  const words = Array.from({ length: 40 }, (_, index) => `wörd${index} `);
  let hold = Promise.resolve();
  const respond = scriptedResponder(() => [
    say('first '),
    after(hold),
    ...words.flatMap((word) => [say(word), wait(2)]),
  ]);
  let proxy: FaultProxy;
  let close: () => Promise<void>;

  beforeEach(async () => {
    const { server } = testChat({ respond, retryMs: 500 });
    const http = createServer(toNodeHandler(server, { context: () => ({ userId: 'ada' }) }));
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    proxy = await createFaultProxy({ port: (http.address() as AddressInfo).port });
    close = async () => {
      await proxy.close();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    };
  });
  afterEach(() => close());

  const connection = { baseMs: 500, floorMs: 1 };
  const whole = ['Hi', 'first ', ...words];

  it.each([false, true])('survives connections that break again and again (reset: %s)', async (reset) => {
    const client = createChatClient({ url: `${proxy.url}/chatkit`, extensions: true, connection, random: () => 0 });
    proxy.setFaults({ cutAfterBytes: 3_000, reset });
    const run = client.send('Hi');
    expect(await run.done).toBe('completed');
    expect(texts(client)).toEqual(whole);
    expect(proxy.passedBytes).toBeGreaterThan(6_000);
  });

  it('notices a connection that is dead and open', async () => {
    const clock = createVirtualClock({ startMs: 1 });
    let goOn = () => {};
    hold = new Promise((resolve) => {
      goOn = resolve;
    });
    const client = createChatClient({
      url: `${proxy.url}/chatkit`,
      extensions: true,
      clock,
      random: () => 0,
      scheduler: (flush) => {
        flush();
        return () => {};
      },
    });
    const run = client.send('Hi');
    await until(client, () => texts(client).length === 2);
    proxy.blackhole(true);
    await clock.advance(37_600);
    expect(client.getSnapshot().connection).toBe('reconnecting');
    proxy.cutAll();
    proxy.blackhole(false);
    goOn();
    let outcome: string | undefined;
    void run.done.then((how) => {
      outcome = how;
    });
    // Two kinds of time: the client's is the test's, the sockets' is real.
    while (outcome === undefined) await clock.advance(100);
    expect(outcome).toBe('completed');
    expect(texts(client)).toEqual(whole);
  });
});
