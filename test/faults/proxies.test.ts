// Proxies as they are found in front of servers: they buffer, compress, lose patience, restart. nginx does all of it for
// real; the client is ours. Whether something was streamed is not read off a clock: each word is written only when the
// client has seen the one before, so a proxy that holds words back ends in a standstill.
import { setTimeout as sleep } from 'node:timers/promises';
import { type ChatClient, createChatClient } from '@chatkit/client';
import type { ThreadStreamEvent } from '@chatkit/core';
import { createMemoryStore } from '@chatkit/store/memory';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { hasNginx, type Nginx, startNginx } from './nginx.ts';
import { startUpstream, type Upstream } from './upstream.ts';

const words = Array.from({ length: 12 }, (_, index) => `${index + 1}·é `);
const whole = words.join('');

/** Lets the writer write as many words as were let through. */
const createGate = () => {
  let allowed = 0;
  return {
    allow(count: number) {
      allowed = count;
    },
    async pace(index: number, signal: AbortSignal) {
      while (index >= allowed) await sleep(2, undefined, { signal });
    },
  };
};

const isDelta = (event: ThreadStreamEvent) =>
  event.type === 'thread.item.updated' && event.update.type === 'assistant_message.content_part.text_delta';

const textOf = (client: ChatClient): string =>
  client
    .getSnapshot()
    .items.filter((item) => item.type === 'assistant_message')
    .map((item) => item.content.map((part) => part.text).join(''))
    .join('|');

/** The words that the events carry: what was applied, whatever the final item says. */
const deltasOf = (events: readonly ThreadStreamEvent[]): string =>
  events
    .map((event) =>
      event.type === 'thread.item.updated' && event.update.type === 'assistant_message.content_part.text_delta'
        ? event.update.delta
        : '',
    )
    .join('');

describe.skipIf(!hasNginx)('nginx', () => {
  let gate = createGate();
  let paceMs: number | undefined;
  let upstream: Upstream;
  let patient: Upstream;
  let nginx: Nginx<'plain' | 'gzip' | 'http11' | 'buffering'>;
  const pace = (index: number, signal: AbortSignal) =>
    paceMs === undefined ? gate.pace(index, signal) : sleep(paceMs, undefined, { signal });

  beforeAll(async () => {
    upstream = await startUpstream({ store: createMemoryStore(), words, pace, heartbeatMs: 200 });
    patient = await startUpstream({ store: createMemoryStore(), words, pace, heartbeatMs: 60_000 });
    nginx = await startNginx([upstream.port], {
      plain: '',
      gzip: 'gzip on; gzip_min_length 0; gzip_types text/event-stream;',
      http11: 'proxy_http_version 1.1; proxy_set_header Connection "";',
      buffering: 'proxy_ignore_headers X-Accel-Buffering; proxy_buffering on;',
    });
  });
  afterAll(async () => {
    await nginx?.close();
    await upstream?.close();
    await patient?.close();
  });

  const clientOf = (url: string, options: Partial<Parameters<typeof createChatClient>[0]> = {}) => {
    const client = createChatClient({ url, extensions: true, ...options });
    onTestFinished(() => client.detach());
    return client;
  };

  test.each(['plain', 'gzip', 'http11'] as const)(
    '%s: every word is here before the next one is written',
    async (name) => {
      gate = createGate();
      paceMs = undefined;
      const client = clientOf(nginx.urls[name]);
      const run = client.send('go');
      gate.allow(1);
      let seen = 0;
      const events: ThreadStreamEvent[] = [];
      for await (const event of run) {
        events.push(event);
        if (isDelta(event)) gate.allow(++seen + 1);
      }
      expect(seen).toBe(words.length);
      expect(deltasOf(events)).toBe(whole);
      expect(await run.done).toBe('completed');
      expect(textOf(client)).toBe(whole);
    },
  );

  test('one that buffers whatever it is told holds words back; the answer is late, and whole', async () => {
    gate = createGate();
    paceMs = undefined;
    const before = upstream.answers();
    const client = clientOf(nginx.urls.buffering, {
      // The silence of a buffer looks like that of a dead connection, so the client asks again, and again.
      connection: { heartbeatMs: 200, connectTimeoutMs: 500, floorMs: 50, baseMs: 50, capMs: 200 },
    });
    const run = client.send('go');
    const events: ThreadStreamEvent[] = [];
    const reading = (async () => {
      for await (const event of run) events.push(event);
    })();
    gate.allow(6);
    await sleep(800);
    expect(deltasOf(events)).toBe('');
    gate.allow(words.length);
    await reading;
    expect(await run.done).toBe('completed');
    expect(deltasOf(events)).toBe(whole);
    expect(upstream.answers()).toBe(before + 1);
  });

  test('an idle timeout shorter than a pause of the model: heartbeats keep the connection', async () => {
    // Of a server that says something each 200 ms, if it gets a core.
    const short = await startNginx([upstream.port], { short: 'proxy_read_timeout 3s;' });
    onTestFinished(() => short.close());
    gate = createGate();
    paceMs = undefined;
    const { GET } = upstream.requests;
    const client = clientOf(short.urls.short);
    const run = client.send('go');
    gate.allow(3);
    await sleep(4_200);
    gate.allow(words.length);
    expect(await run.done).toBe('completed');
    expect(textOf(client)).toBe(whole);
    expect(upstream.requests.GET).toBe(GET);
  });

  test('an idle timeout shorter than the heartbeat cuts, and the client comes back', async () => {
    const short = await startNginx([patient.port], { short: 'proxy_read_timeout 1s;' });
    onTestFinished(() => short.close());
    gate = createGate();
    paceMs = undefined;
    const client = clientOf(short.urls.short);
    const run = client.send('go');
    const events: ThreadStreamEvent[] = [];
    const reading = (async () => {
      for await (const event of run) events.push(event);
    })();
    gate.allow(3);
    await expect.poll(() => patient.requests.GET).toBeGreaterThan(0);
    gate.allow(words.length);
    await reading;
    expect(await run.done).toBe('completed');
    expect(deltasOf(events)).toBe(whole);
    expect(patient.answers()).toBe(1);
  });

  test('a proxy that restarts in the middle of an answer costs nothing', async () => {
    const other = await startNginx([upstream.port], { plain: '' });
    onTestFinished(() => other.close());
    gate = createGate();
    paceMs = undefined;
    const before = upstream.answers();
    const client = clientOf(other.urls.plain);
    const run = client.send('go');
    const events: ThreadStreamEvent[] = [];
    const seen = (count: number) => expect.poll(() => events.filter(isDelta).length).toBeGreaterThanOrEqual(count);
    const reading = (async () => {
      for await (const event of run) events.push(event);
    })();
    for (const count of [3, 6, 9]) {
      gate.allow(count);
      // Neighbouring words may have come as one event.
      await seen(count / 3);
      await other.stop();
      await other.start();
    }
    gate.allow(words.length);
    await reading;
    expect(await run.done).toBe('completed');
    expect(deltasOf(events)).toBe(whole);
    expect(upstream.answers()).toBe(before + 1);
  });
});

describe.skipIf(!hasNginx)('a deploy behind nginx', () => {
  /** Two machines over one store; nginx leaves the one that refuses. */
  const deployment = async () => {
    const store = createMemoryStore();
    let gate = createGate();
    const options = { store, words, pace: (index: number, signal: AbortSignal) => gate.pace(index, signal) };
    const [old, next] = [await startUpstream(options), await startUpstream(options)];
    const ports = [old.port, next.port];
    // The first of the list is asked first; a refusal of a server that leaves (503) sends the request on.
    const nginx = await startNginx(ports, {
      plain: 'proxy_next_upstream error timeout http_503 non_idempotent; proxy_next_upstream_tries 2;',
    });
    onTestFinished(async () => {
      await nginx.close();
      await old.close();
      await next.close();
    });
    return {
      old,
      next,
      nginx,
      gate: () => gate,
      renew: () => {
        gate = createGate();
        return gate;
      },
      url: nginx.urls.plain,
    };
  };

  const startsOn = async (deployed: Awaited<ReturnType<typeof deployment>>) => {
    const client = createChatClient({ url: deployed.url, extensions: true });
    const run = client.send('go');
    deployed.gate().allow(4);
    await expect.poll(() => textOf(client)).toBe(words.slice(0, 4).join(''));
    const [leaving, staying] =
      deployed.old.answers() === 1 ? [deployed.old, deployed.next] : [deployed.next, deployed.old];
    return { client, run, leaving, staying };
  };

  test('an answer that ends within the grace period is whole; the next message goes to the other machine', async () => {
    const deployed = await deployment();
    const { client, run, leaving, staying } = await startsOn(deployed);
    const closing = leaving.server.close({ graceMs: 5_000 });
    deployed.gate().allow(words.length);
    expect(await run.done).toBe('completed');
    await closing;
    expect(textOf(client)).toBe(whole);
    for (const _ of [1, 2]) expect(await client.send('again').done).toBe('completed');
    expect([leaving.answers(), staying.answers()]).toEqual([1, 2]);
    expect(textOf(client)).toBe([whole, whole, whole].join('|'));
  });

  test('one that does not is ended as interrupted: the text stays, the error may be retried, and the retry is answered', async () => {
    const deployed = await deployment();
    const { client, run, leaving, staying } = await startsOn(deployed);
    await leaving.server.close({ graceMs: 0 });
    expect(await run.done).toBe('interrupted');
    expect(textOf(client)).toBe(words.slice(0, 4).join(''));
    deployed.renew().allow(words.length);
    expect(await client.send('again').done).toBe('completed');
    expect(staying.answers()).toBe(1);
    expect(textOf(client)).toBe([words.slice(0, 4).join(''), whole].join('|'));
  });

  test('readers are told, each another time, when to come back', async () => {
    const deployed = await deployment();
    const requests = Array.from({ length: 4 }, () =>
      fetch(`http://127.0.0.1:${deployed.old.port}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'chatkit-client': '1' },
        body: JSON.stringify({
          type: 'threads.create',
          params: { input: { content: [{ type: 'input_text', text: 'go' }] } },
        }),
      }).then((response) => response.text()),
    );
    deployed.gate().allow(2);
    await expect.poll(() => deployed.old.answers()).toBe(4);
    await sleep(100);
    await deployed.old.server.close({ graceMs: 0 });
    const retries = (await Promise.all(requests)).map((body) => {
      const end = body.split('\n\n').find((frame) => frame.includes('event: end'));
      expect(end).toContain('"outcome":"interrupted"');
      return Number(/^retry: ?(\d+)$/m.exec(end ?? '')?.[1]);
    });
    for (const retry of retries) {
      expect(retry).toBeGreaterThanOrEqual(25);
      expect(retry).toBeLessThanOrEqual(75);
    }
    expect(new Set(retries).size).toBeGreaterThan(1);
  });
});
