import {
  createVirtualClock,
  hang,
  type NetworkPlan,
  until as openLater,
  type ScriptStep,
  say,
  scriptedResponder,
} from '@chatkit/testing';
import { encodeSse } from '@chatkit/transport';
import { describe, expect, it } from 'vitest';
import { createChatClient, type PageEvents, type PageSignal } from '../src/index.ts';
import { requestTypes, testChat, texts } from './support/chat.ts';
import { never } from './support/faulty-body.ts';

/** A chat whose time and page are the test's. */
const chatWithOutages = (script: readonly ScriptStep[], heartbeatMs = 15_000) => {
  const clock = createVirtualClock({ startMs: 1_000_000 });
  const respond = scriptedResponder(script);
  const chat = testChat({ respond, heartbeatMs, clock });
  const listeners = new Set<(signal: PageSignal) => void>();
  const page: PageEvents = {
    listen(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  const scheduler = (flush: () => void) => {
    const timer = clock.setTimeout(flush, 16);
    return () => clock.clearTimeout(timer);
  };
  const client = chat.client({ clock, page, scheduler, random: () => 0.5 });
  const tell = (signal: PageSignal) => {
    for (const listener of [...listeners]) listener(signal);
  };
  return { ...chat, respond, client, clock, tell, listeners };
};

const gate = () => {
  let open!: () => void;
  const promise = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { promise, open };
};

describe('an outage', () => {
  it('is survived as by default if a setting of the connection is undefined', async () => {
    const clock = createVirtualClock({ startMs: 1_000_000 });
    const { client: make, network } = testChat({ clock });
    const connection = { baseMs: undefined, capMs: undefined, floorMs: undefined, budgetMs: undefined };
    network.offline();
    const run = make({ clock, random: () => 0.5, connection }).send('Hi');
    await clock.advance(60_000);
    expect(network.requests.length).toBeGreaterThan(3);
    await clock.advance(6 * 60_000);
    expect(await run.done).toBe('interrupted');
  });

  it('of 60 s and one 502 is survived; the answer is whole and was made once', async () => {
    const hold = gate();
    const { client, clock, network, listeners } = chatWithOutages([say('a', 'b'), openLater(hold.promise), say('c')]);
    const run = client.send('Hi');
    await clock.advance(100);
    expect(texts(client)).toEqual(['Hi', 'ab']);
    network.offline();
    await clock.advance(100);
    expect(client.getSnapshot()).toMatchObject({ status: 'streaming', connection: 'reconnecting', error: undefined });
    hold.open();
    await clock.advance(60_000);
    network.plan({ status: 502 });
    network.online();
    await clock.advance(60_000);
    expect(await run.done).toBe('completed');
    expect(texts(client)).toEqual(['Hi', 'ab', 'c']);
    expect(requestTypes(network).filter((type) => type !== 'GET')).toEqual(['threads.create']);
    expect(listeners.size).toBe(0);
  });

  // Traefik and Kubernetes answer 404 where no machine is ready, Cloudflare 520 to 530 for one that does not answer.
  it.each([404, 500, 504, 520, 521, 522, 523, 524, 530])(
    'of a gateway with no machine behind it (status %i) is survived',
    async (status) => {
      const hold = gate();
      const { client, clock, network } = chatWithOutages([say('a'), openLater(hold.promise), say('b')]);
      const run = client.send('Hi');
      await clock.advance(100);
      const page = () => new Response('<h1>Not now</h1>', { status, headers: { 'content-type': 'text/html' } });
      network.plan({ respond: page }, { status }, { respond: page });
      network.offline();
      network.online();
      await clock.advance(5_000);
      hold.open();
      await clock.advance(60_000);
      expect(await run.done).toBe('completed');
      expect(texts(client)).toEqual(['Hi', 'a', 'b']);
      expect(requestTypes(network)).toEqual(['threads.create', 'GET', 'GET', 'GET', 'GET']);
    },
  );

  it.each([404, 520])(
    'of a gateway (status %i) that is not over in time leaves the run to be asked for again',
    async (status) => {
      const { client, clock, network, respond } = chatWithOutages([say('a'), hang()]);
      const run = client.send('Hi');
      await clock.advance(100);
      network.plan(...Array.from({ length: 100 }, () => ({ status })));
      network.offline();
      network.online();
      await clock.advance(10 * 60_000);
      expect(await run.closed).toBe('drop');
      expect(client.getSnapshot().error).toMatchObject({ code: 'transport.status', retryable: true });
      network.plan();
      network.requests.length = 0;
      client.retry();
      await clock.advance(60_000);
      expect(requestTypes(network).at(-1)).toBe('GET');
      expect(respond.calls).toHaveLength(1);
      client.detach();
    },
  );

  it('that began before a laptop slept for an hour is not given up when it wakes up, before its network is back', async () => {
    const hold = gate();
    const time = createVirtualClock({ startMs: 1_000_000 });
    let slept = 0;
    // While it sleeps no timer runs; the time of day goes on.
    const clock = { ...time, now: () => time.now() + slept };
    const chat = testChat({ respond: scriptedResponder([say('a'), openLater(hold.promise), say('b')]), clock: time });
    const scheduler = (flush: () => void) => {
      flush();
      return () => {};
    };
    const client = chat.client({ clock, scheduler, random: () => 0.5 });
    const run = client.send('Hi');
    await time.advance(10_000);
    for (const awakeMs of [100, 5_000, 20_000]) {
      chat.network.offline();
      await time.advance(awakeMs);
      slept += 3_600_000;
      await time.advance(40_000);
      expect(client.getSnapshot()).toMatchObject({ connection: 'reconnecting', error: undefined });
    }
    hold.open();
    chat.network.online();
    await time.advance(60_000);
    expect(await run.done).toBe('completed');
    expect(texts(client)).toEqual(['Hi', 'a', 'b']);
  });

  it('ends at once when the page says that the network is back', async () => {
    const { client, clock, network, tell } = chatWithOutages([say('a'), hang()]);
    client.send('Hi');
    await clock.advance(100);
    network.offline();
    await clock.advance(30_000);
    network.online();
    const before = network.requests.length;
    tell('online');
    await clock.advance(20);
    expect(network.requests.length).toBe(before + 1);
    expect(client.getSnapshot()).toMatchObject({ connection: 'live' });
    client.detach();
  });

  it('is no reason to ask sooner when the page is hidden', async () => {
    const { client, clock, network, tell } = chatWithOutages([say('a'), hang()]);
    network.offline();
    client.send('Hi');
    await clock.advance(30_000);
    const before = network.requests.length;
    tell('hidden');
    await clock.advance(0);
    expect(network.requests).toHaveLength(before);
    client.detach();
  });

  const doubted: [string, NetworkPlan][] = [
    ['a quiet stream', { stallAfterBytes: 900 }],
    ['a request without an answer', { delayMs: 15_000 }],
    ['half of an error', { respond: () => new Response(new ReadableStream({ cancel: never }), { status: 503 }) }],
  ];
  it.each(doubted)('has %s asked for once more, and what becomes of the old one does not count', async (_, plan) => {
    const { client, clock, network, tell } = chatWithOutages([say('a'), hang()]);
    network.plan(plan, { delayMs: 15_000 });
    client.send('Hi');
    await clock.advance(2_000);
    tell('online');
    await clock.advance(14_000);
    expect(network.requests).toHaveLength(2);
    await clock.advance(2_000);
    expect(client.getSnapshot()).toMatchObject({ connection: 'live', error: undefined });
    expect(texts(client)).toEqual(['Hi', 'a']);
    client.detach();
  });

  const refusals: [string, number, number][] = [
    ['run.failed', 500, 1],
    ['server.closing', 503, 2],
  ];
  it.each(refusals)('is told from a refusal: %s with status %s', async (code, status, asked) => {
    const { client, clock, network } = chatWithOutages([say('a')]);
    const error = { code, message: 'No.', retryable: true };
    network.plan({ respond: () => Response.json({ error }, { status }) });
    const run = client.send('Hi');
    await clock.advance(10_000);
    expect(await run.done).toBe(asked === 1 ? 'failed' : 'completed');
    expect(network.requests).toHaveLength(asked);
  });

  it('that is not over in time is told in the words of a server that gave a reason', async () => {
    const { client, clock, network } = chatWithOutages([say('a')]);
    const respond = () => Response.json({ error: { code: 'server.closing', message: 'Back soon.' } }, { status: 503 });
    network.plan(...Array.from({ length: 100 }, () => ({ respond })));
    const run = client.send('Hi');
    await clock.advance(10 * 60_000);
    expect(await run.closed).toBe('drop');
    expect(client.getSnapshot().error).toMatchObject({ code: 'server.closing', message: 'Back soon.' });
  });

  it('that only a heartbeat could tell is noticed after 2.5 of them', async () => {
    const { client, clock, network } = chatWithOutages([say('a'), hang()], 4_000);
    network.plan({ stallAfterBytes: 900 });
    client.send('Hi');
    await clock.advance(9_900);
    expect(requestTypes(network)).toEqual(['threads.create']);
    // The wait is half of the server's `retry` of 2 s.
    await clock.advance(1_000);
    expect(requestTypes(network)).toEqual(['threads.create']);
    await clock.advance(1_000);
    expect(requestTypes(network)).toEqual(['threads.create', 'GET']);
    expect(texts(client)).toEqual(['Hi', 'a']);
    client.detach();
  });

  it('is not suspected of a server whose heartbeat is slow: it says how slow', async () => {
    const { client, clock, network } = chatWithOutages([say('a'), hang()], 60_000);
    client.send('Hi');
    await clock.advance(5 * 60_000);
    expect(client.getSnapshot()).toMatchObject({ connection: 'silent', status: 'streaming' });
    expect(requestTypes(network)).toEqual(['threads.create']);
    client.detach();
  });

  it('is not seen in a long thought: heartbeats come, the screen can say that nothing else does', async () => {
    const { client, clock, network } = chatWithOutages([say('a'), hang()]);
    client.send('Hi');
    await clock.advance(9_000);
    expect(client.getSnapshot().connection).toBe('live');
    await clock.advance(10 * 60_000);
    expect(client.getSnapshot()).toMatchObject({ connection: 'silent', status: 'streaming' });
    // After 10 minutes the server hands the connection over, which nobody sees.
    expect(requestTypes(network)).toEqual(['threads.create', 'GET']);
    client.detach();
  });

  it.each([
    ['names a time: they come back spread over it', 3_000],
    ['names none: they come back at once', undefined],
  ])('is not seen where a server hands everybody over and %s', async (_, retry) => {
    const clock = createVirtualClock({ startMs: 1_000_000 });
    const farewell = encodeSse({ event: 'reconnect', data: '{}', id: '1-1', retry });
    const attachedAt: number[] = [];
    const fetch: typeof globalThis.fetch = async (_input, init) => {
      const isStart = init?.method === 'POST';
      if (!isStart) attachedAt.push(clock.now());
      const body = new ReadableStream<string>({
        start(controller) {
          controller.enqueue(encodeSse({ id: '1-1', retry: 2_000 }));
          if (!isStart) return;
          clock.setTimeout(() => {
            controller.enqueue(farewell);
            controller.close();
          }, 30_000);
        },
      });
      const headers = { 'content-type': 'text/event-stream', 'chatkit-run-id': 'r' };
      return new Response(body.pipeThrough(new TextEncoderStream()), { headers });
    };
    const clients = Array.from({ length: 100 }, (_client, index) =>
      createChatClient({ url: 'http://chat.test/', fetch, clock, random: () => index / 100 }),
    );
    const seen = new Set<string>();
    for (const client of clients) {
      client.subscribe(() => seen.add(client.getSnapshot().connection));
      client.send('Hi');
    }
    await clock.advance(33_000);
    expect(attachedAt.map((at) => Math.round(at - 1_030_000))).toEqual(
      clients.map((_client, index) => (retry === undefined ? 0 : index * 30)),
    );
    expect(seen).not.toContain('reconnecting');
    for (const client of clients) client.detach();
  });

  it.each([
    ['seconds', () => '20'],
    ['a date', (now: number) => new Date(now + 20_000).toUTCString()],
  ])('obeys Retry-After, given as %s', async (_, valueAt) => {
    const { client, clock, network, tell } = chatWithOutages([say('a')]);
    network.plan({ status: 503, headers: { 'retry-after': valueAt(clock.now()) } });
    const run = client.send('Hi');
    await clock.advance(10_000);
    tell('visible');
    await clock.advance(9_900);
    expect(network.requests).toHaveLength(1);
    await clock.advance(400);
    expect(await run.done).toBe('completed');
  });

  it.each(['soon', '', '-5', 'Thu, 01 Jan 1970 00:00:00 GMT'])('passes over a Retry-After of “%s”', async (value) => {
    const { client, clock, network } = chatWithOutages([say('a')]);
    network.plan({ status: 429, headers: { 'retry-after': value } });
    const run = client.send('Hi');
    await clock.advance(1_000);
    expect(await run.done).toBe('completed');
  });

  it('does not keep a stop from being felt; the server hears of it later', async () => {
    const { client, clock, network, respond, tell, listeners } = chatWithOutages([say('a'), hang()]);
    const run = client.send('Hi');
    await clock.advance(100);
    network.offline();
    await clock.advance(100);
    const stopped = client.stop();
    await clock.advance(3_100);
    await stopped;
    expect(await run.done).toBe('cancelled');
    expect(client.getSnapshot()).toMatchObject({ status: 'idle', connection: 'none', error: undefined });
    expect(texts(client)).toEqual(['Hi', 'a']);
    // A minute in a tunnel.
    await clock.advance(60_000);
    expect(respond.calls[0]?.outcome).toBe('running');
    const asked = network.requests.length;
    tell('hidden');
    await clock.advance(0);
    expect(network.requests).toHaveLength(asked);
    network.online();
    tell('online');
    await clock.advance(20);
    expect(network.requests.at(-2)).toMatchObject({ method: 'POST', state: 'complete' });
    expect(requestTypes(network).slice(-2)).toEqual(['runs.cancel', 'threads.get_by_id']);
    expect(respond.calls[0]?.outcome).not.toBe('running');
    const { length } = network.requests;
    await clock.advance(60_000);
    expect(network.requests).toHaveLength(length);
    expect(listeners.size).toBe(0);
  });
});

describe('a stop that the server hears of late', () => {
  const stoppedOffline = async (...rest: ScriptStep[]) => {
    const hold = gate();
    const chat = chatWithOutages([say('a'), openLater(hold.promise), say('b'), ...rest]);
    const run = chat.client.send('Hi');
    await chat.clock.advance(100);
    chat.network.offline();
    const stopped = chat.client.stop();
    await chat.clock.advance(3_100);
    await stopped;
    expect(await run.done).toBe('cancelled');
    // It goes on without anybody who wants it.
    hold.open();
    await chat.clock.advance(30_000);
    expect(texts(chat.client)).toEqual(['Hi', 'a']);
    const comeBack = () => {
      chat.network.online();
      chat.tell('online');
    };
    return { ...chat, comeBack };
  };

  it.each([
    ['is still going on', [hang()]],
    ['is over by then', []],
  ])('ends with what the server has kept, of a run that %s', async (_, rest) => {
    const { client, clock, comeBack, respond } = await stoppedOffline(...rest);
    comeBack();
    await clock.advance(1_000);
    expect(texts(client)).toEqual(['Hi', 'a', 'b']);
    expect(client.getSnapshot()).toMatchObject({ status: 'idle', connection: 'none', error: undefined });
    expect(respond.calls[0]?.outcome).not.toBe('running');
  });

  it('does not touch a thread that is shown instead, nor what is sent meanwhile', async () => {
    const { client, clock, comeBack, network } = await stoppedOffline(hang());
    client.newThread();
    const before = network.requests.length;
    comeBack();
    await clock.advance(1_000);
    expect(requestTypes(network).slice(before)).toEqual(['runs.cancel']);
    expect(client.getSnapshot()).toMatchObject({ items: [], thread: undefined, status: 'idle' });
  });
});

describe('a page that goes away', () => {
  it('asks for nothing until it is restored, and then goes on', async () => {
    const hold = gate();
    const { client, clock, network, tell } = chatWithOutages([say('a'), openLater(hold.promise), say('b')]);
    const run = client.send('Hi');
    await clock.advance(100);
    tell('left');
    expect(network.requests[0]?.state).toBe('cancelled');
    hold.open();
    await clock.advance(60_000);
    expect(network.requests).toHaveLength(1);
    tell('restored');
    await clock.advance(100);
    expect(await run.done).toBe('completed');
    expect(texts(client)).toEqual(['Hi', 'a', 'b']);
  });
});
