import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createVirtualClock, hang, say, scriptedResponder } from '@chatkit/testing';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type ChatClient, type ChatClientOptions, createChatClient } from '../src/index.ts';
import { noSuchRun, requestTypes, testChat, texts } from './support/chat.ts';
import { never } from './support/faulty-body.ts';
import { atOnce } from './support/schedulers.ts';

const silentBody = (text = '') =>
  new ReadableStream<Uint8Array>({
    start: (controller) => text !== '' && controller.enqueue(new TextEncoder().encode(text)),
  });

const json = (body: BodyInit, status = 200) =>
  new Response(body, { status, headers: { 'content-type': 'application/json' } });

/** A client whose time is the test's, of a server that is a function. */
const clientOf = (
  answer: (request: Request) => Response | Promise<Response>,
  more: Partial<ChatClientOptions> = {},
) => {
  const clock = createVirtualClock({ startMs: 1_000_000 });
  const signals: AbortSignal[] = [];
  const client = createChatClient({
    url: 'http://chat.test/chatkit',
    clock,
    fetch: async (input, init) => {
      if (init?.signal) signals.push(init.signal);
      return answer(new Request(input, init));
    },
    ...more,
  });
  return { client, clock, signals };
};

/** What became of a promise, looked at without waiting for it. */
const watch = (promise: Promise<unknown>) => {
  const seen: { value?: unknown; error?: unknown } = {};
  promise.then(
    (value) => (seen.value = value ?? null),
    (error: unknown) => (seen.error = error),
  );
  return seen;
};

const timedOut = expect.objectContaining({ code: 'transport.timeout', retryable: true });

const audio = new Blob([new Uint8Array([1])], { type: 'audio/webm' });
const calls: [string, (client: ChatClient) => Promise<unknown>][] = [
  ['listThreads', (client) => client.listThreads()],
  ['renameThread', (client) => client.renameThread('thr_1', 'Named')],
  ['deleteThread', (client) => client.deleteThread('thr_1')],
  ['loadThread', (client) => client.loadThread('thr_1')],
  ['deleteAttachment', (client) => client.deleteAttachment('atc_1')],
  ['transcribe', (client) => client.transcribe(audio)],
  ['uploadFile', (client) => client.uploadFile(new File(['x'], 'x.txt'))],
];

const silences: [string, () => Response | Promise<Response>][] = [
  ['never answers', never],
  ['begins an answer and says no more', () => json(silentBody('{"data":'))],
  ['begins an error and says no more', () => json(silentBody('{"error":'), 503)],
];

describe.each(silences)('a server that accepts a request and %s', (what, silence) => {
  it.each(calls)('has %s fail, with a code and nothing left behind', async (_, call) => {
    const { client, clock, signals } = clientOf(silence);
    const seen = watch(call(client));
    await clock.advance(4_900);
    expect(seen).toEqual({});
    await clock.advance(26_000);
    expect(seen).toEqual({
      error: what.includes('an error') ? expect.objectContaining({ code: 'transport.status' }) : timedOut,
    });
    expect(signals.length).toBeGreaterThan(0);
    expect(clock.pending).toBe(0);
    expect(client.getSnapshot().status).toBe('idle');
  });
});

describe('the time that a request may take', () => {
  it('is 30 s, and is over even if neither `fetch` nor `headers` hears of it', async () => {
    for (const more of [{ headers: () => never<HeadersInit>() }, {}]) {
      const { client, clock } = clientOf(never, more);
      const seen = watch(client.listThreads());
      await clock.advance(29_999);
      expect(seen).toEqual({});
      await clock.advance(1);
      expect(seen).toEqual({ error: timedOut });
    }
  });

  it('is an option of the client and of the call, and `Infinity` has none', async () => {
    const { client, clock, signals } = clientOf(never, { requestTimeoutMs: 1_000 });
    const usual = watch(client.listThreads());
    const patient = watch(client.listThreads({ timeoutMs: 2_000 }));
    const endless = watch(client.listThreads({ timeoutMs: Number.POSITIVE_INFINITY }));
    await clock.advance(1_000);
    expect([usual, patient]).toEqual([{ error: timedOut }, {}]);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false, false]);
    await clock.advance(1_000);
    expect(patient).toEqual({ error: timedOut });
    expect(clock.pending).toBe(0);
    await clock.advance(24 * 3_600_000);
    expect(endless).toEqual({});
  });

  it('is longer for what takes long to send', async () => {
    const uploads = { type: 'direct', uploadUrl: 'http://chat.test/up' } as const;
    const { client, clock } = clientOf(never, { uploads, uploadFetch: never });
    // At 64 kbit/s these take 100 s.
    const seen = watch(client.uploadFile(new File([new Uint8Array(800_000)], 'x.bin')));
    await clock.advance(129_999);
    expect(seen).toEqual({});
    await clock.advance(1);
    expect(seen).toEqual({ error: timedOut });
  });

  it('does not outlive the caller, whose reason is given as it is', async () => {
    for (const silence of [never, () => json(silentBody('{'))]) {
      const { client, clock, signals } = clientOf(silence);
      const caller = new AbortController();
      const seen = watch(client.listThreads({ signal: caller.signal }));
      await clock.advance(1_000);
      caller.abort('enough');
      await clock.advance(0);
      expect(seen).toEqual({ error: 'enough' });
      expect(signals.map(({ reason }) => reason)).toEqual(['enough']);
      expect(clock.pending).toBe(0);
      const before = watch(client.listThreads({ signal: caller.signal }));
      await clock.advance(0);
      expect(before).toEqual({ error: 'enough' });
      expect(signals).toHaveLength(1);
    }
  });

  it('decides nothing else: an answer in time is the answer, one that is late is none', async () => {
    const law = fc.asyncProperty(
      fc.nat(1_500),
      fc.nat(1_500),
      fc.option(fc.nat(1_500), { nil: undefined }),
      async (headMs, bodyMs, abortMs) => {
        const { client, clock, signals } = clientOf(
          async () => {
            await clock.sleep(headMs);
            const body = new ReadableStream<Uint8Array>({
              async start(controller) {
                await clock.sleep(bodyMs);
                controller.enqueue(new TextEncoder().encode('{"data":[],"has_more":false}'));
                controller.close();
              },
            });
            return json(body);
          },
          { requestTimeoutMs: 1_000 },
        );
        const caller = new AbortController();
        if (abortMs !== undefined) clock.setTimeout(() => caller.abort('enough'), abortMs);
        const seen = watch(client.listThreads({ signal: caller.signal }));
        await clock.advance(3_001);
        const first = Math.min(headMs + bodyMs, 1_000, abortMs ?? Number.POSITIVE_INFINITY);
        // Two at one moment: either may be first.
        const allowed = [
          ...(headMs + bodyMs === first ? [{ value: { data: [], has_more: false } }] : []),
          ...(first === 1_000 ? [{ error: timedOut }] : []),
          ...(abortMs === first ? [{ error: 'enough' }] : []),
        ];
        expect(allowed).toContainEqual(seen);
        // A signal that hears of it after all would abort the next user of a shared connection.
        if ('value' in seen) expect(signals[0]?.aborted).toBe(false);
        expect(clock.pending).toBe(0);
      },
    );
    await fc.assert(law, { numRuns: 60 });
  });
});

describe('the text of an error', () => {
  it('is waited for 5 s, also from a server that has no heartbeat', async () => {
    const cancel = vi.fn();
    const body = new ReadableStream<Uint8Array>({ cancel });
    const { client, clock, signals } = clientOf(() => json(body, 400), { extensions: false });
    const run = client.send('Hi');
    await clock.advance(4_999);
    expect(client.getSnapshot().status).toBe('submitting');
    await clock.advance(1);
    expect(await run.done).toBe('failed');
    expect(client.getSnapshot().error).toMatchObject({ code: 'transport.status' });
    expect(cancel).toHaveBeenCalledOnce();
    expect(signals).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  it('that came whole counts, whether or not its connection ends', async () => {
    const { client, clock } = clientOf(() => json('{"error":{"code":"thread.locked","message":"No."}}', 409), {
      extensions: false,
    });
    const run = client.send('Hi');
    await clock.advance(0);
    expect(await run.done).toBe('failed');
    expect(client.getSnapshot().error).toMatchObject({ code: 'thread.locked', message: 'No.' });
  });
});

describe('a message to a server that takes it and does not answer', () => {
  const kinds: [string, Partial<ChatClientOptions>, number, number][] = [
    ['of the reference: 2 minutes, asked once', { extensions: false }, 120_000, 1],
    ['of an unknown kind: the same', {}, 120_000, 1],
    ['that may be asked: 20 s, and again and again for 5 minutes', { extensions: true }, 5 * 60_000, 16],
    ['with a limit of its own', { extensions: false, connection: { headTimeoutMs: 3_000 } }, 3_000, 1],
  ];

  it.each(kinds)('is given up; %s', async (_, more, afterMs, asked) => {
    const { client, clock, signals } = clientOf(never, { random: () => 0, ...more });
    const run = client.send('Hi');
    await clock.advance(afterMs - 1);
    expect(client.getSnapshot()).toMatchObject({ status: 'submitting', error: undefined });
    await clock.advance(30_000);
    expect([await run.closed, await run.done]).toEqual(['stall', 'interrupted']);
    expect(client.getSnapshot()).toMatchObject({ status: 'idle', connection: 'none', error: timedOut });
    expect(client.getSnapshot().failedItemIds.size).toBe(1);
    const details = { timeoutMs: afterMs };
    await expect(run[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'transport.timeout', details });
    expect(signals.map(({ aborted }) => aborted)).toEqual(Array.from({ length: asked }, () => true));
    expect(clock.pending).toBe(0);
  });

  it('may say its first word as late as it likes, once its head is there', async () => {
    const { client, clock } = clientOf(
      () => new Response(silentBody(), { headers: { 'content-type': 'text/event-stream' } }),
      { extensions: false, scheduler: atOnce },
    );
    void client.send('Hi');
    await clock.advance(24 * 3_600_000);
    expect(client.getSnapshot()).toMatchObject({ status: 'submitting', connection: 'live', error: undefined });
    void client.stop();
    await clock.advance(60_000);
    expect(client.getSnapshot().status).toBe('idle');
    expect(clock.pending).toBe(0);
  });

  it('is looked for in its thread then, and sent again only if it is not there', async () => {
    const clock = createVirtualClock({ startMs: 1_000_000 });
    const { client: make, network } = testChat({ respond: scriptedResponder([say('a')]), clock });
    const client = make({ clock, extensions: false });
    client.send('One');
    await clock.advance(1_000);
    // Something in between keeps the answer to the second; the third gets no further than that.
    network.plan({ delayMs: 10 * 60_000 });
    client.send('Two');
    await clock.advance(130_000);
    expect(texts(client)).toEqual(['One', 'a', 'Two', 'a']);
    expect(client.getSnapshot()).toMatchObject({ status: 'idle', failedItemIds: new Set(), error: undefined });
    network.plan({ respond: () => never<Response>() });
    client.send('Three');
    await clock.advance(130_000);
    expect(client.getSnapshot()).toMatchObject({ failedItemIds: { size: 1 }, error: timedOut });
    client.retry();
    await clock.advance(1_000);
    expect(texts(client)).toEqual(['One', 'a', 'Two', 'a', 'Three', 'a']);
  });

  it('is noticed on a real connection, which is closed', async () => {
    const server = createServer();
    const connection = new Promise<Socket>((resolve) => server.once('connection', resolve));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const clock = createVirtualClock({ startMs: 1_000_000 });
    const client = createChatClient({
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/chatkit`,
      extensions: false,
      clock,
    });
    const run = client.send('Hi');
    const socket = await connection;
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => {});
    let heard = '';
    while (!heard.includes('"threads.create"')) heard += await new Promise((resolve) => socket.once('data', resolve));
    await clock.advance(120_000);
    expect([await run.closed, await run.done]).toEqual(['stall', 'interrupted']);
    expect(client.getSnapshot()).toMatchObject({ status: 'idle', error: timedOut });
    await closed;
  });
});

describe('stop()', () => {
  const stoppable = () => {
    const clock = createVirtualClock({ startMs: 1_000_000 });
    const respond = scriptedResponder([say('a'), hang()]);
    const chat = testChat({ respond, clock });
    let cancels = 0;
    let hears = false;
    const client = chat.client({
      clock,
      scheduler: atOnce,
      fetch: async (input, init) => {
        if (!String(init?.body).includes('runs.cancel')) return chat.network.fetch(input, init);
        cancels += 1;
        return hears ? chat.network.fetch(input, init) : never();
      },
    });
    return { ...chat, client, clock, respond, cancels: () => cancels, mend: () => (hears = true) };
  };

  it('is felt at once and settles in 3 s when the request to cancel is not answered', async () => {
    const { client, clock } = stoppable();
    const run = client.send('Hi');
    await clock.advance(100);
    const stopped = watch(client.stop());
    await clock.advance(0);
    expect(client.getSnapshot()).toMatchObject({ status: 'stopping', canStop: false, error: undefined });
    await clock.advance(3_000);
    expect(stopped).toEqual({ value: null });
    expect(await run.done).toBe('cancelled');
    expect(client.getSnapshot()).toMatchObject({ status: 'idle', connection: 'none', error: undefined });
    expect(texts(client)).toEqual(['Hi', 'a']);
  });

  it('asks again every 10 s until the server hears it, for 5 minutes', async () => {
    const { client, clock, cancels, mend, respond } = stoppable();
    client.send('Hi');
    await clock.advance(100);
    void client.stop();
    await clock.advance(60_000);
    expect(cancels()).toBeGreaterThan(3);
    expect(respond.calls[0]?.outcome).toBe('running');
    mend();
    await clock.advance(15_000);
    expect(respond.calls[0]?.outcome).not.toBe('running');
    const before = cancels();
    await clock.advance(10 * 60_000);
    expect(cancels()).toBe(before);
  });

  it.each([
    [400, false],
    [500, false],
    [501, false],
    // Of a gateway that has lost the server.
    [404, true],
    [429, true],
    [503, true],
    [521, true],
  ])('is asked for again only if that may help (status %s), and is over either way', async (status, helps) => {
    const clock = createVirtualClock({ startMs: 1_000_000 });
    const chat = testChat({ respond: scriptedResponder([say('a'), hang()]), clock });
    const client = chat.client({ clock });
    const run = client.send('Hi');
    await clock.advance(100);
    chat.network.plan({ status }, { status }, { status });
    void client.stop();
    await clock.advance(60_000);
    expect(await run.done).toBe('cancelled');
    expect(requestTypes(chat.network).slice(1)).toEqual(Array(helps ? 4 : 1).fill('runs.cancel'));
    void chat.server.close({ graceMs: 0 });
  });

  it('of a run that the server had and has no longer is over at once', async () => {
    const clock = createVirtualClock({ startMs: 1_000_000 });
    const chat = testChat({ respond: scriptedResponder([say('a'), hang()]), clock });
    const client = chat.client({ clock });
    client.send('Hi');
    await clock.advance(100);
    chat.network.plan(noSuchRun);
    const stopped = watch(client.stop());
    await clock.advance(50);
    expect(stopped).toEqual({ value: null });
    expect(requestTypes(chat.network).filter((type) => type === 'runs.cancel')).toHaveLength(1);
    void chat.server.close({ graceMs: 0 });
  });

  it('of a run that the server has not heard of yet is asked for again for 7 s', async () => {
    let cancels = 0;
    const { client, clock } = clientOf(
      async (request) => {
        if (!(await request.text()).includes('runs.cancel')) return never();
        cancels += 1;
        return noSuchRun.respond();
      },
      { extensions: true },
    );
    client.send('Hi');
    await clock.advance(100);
    void client.stop();
    await clock.advance(7_000);
    const before = cancels;
    expect(before).toBeGreaterThan(5);
    await clock.advance(10 * 60_000);
    expect(cancels - before).toBeLessThan(5);
  });

  it('leaves nothing behind when the server never hears it', async () => {
    const { client, clock, cancels, server } = stoppable();
    client.send('Hi');
    await clock.advance(100);
    void client.stop();
    await clock.advance(5 * 60_000 + 15_000);
    const before = cancels();
    expect(before).toBeLessThan(40);
    void server.close({ graceMs: 0 });
    await clock.advance(10 * 60_000);
    expect(cancels()).toBe(before);
    expect(clock.pending).toBe(0);
  });

  it('does not wait for the thread that is asked for when the server has lost the run', async () => {
    const clock = createVirtualClock({ startMs: 1_000_000 });
    const respond = scriptedResponder([say('a'), hang()]);
    const chat = testChat({ respond, clock });
    const client = chat.client({
      clock,
      scheduler: atOnce,
      fetch: async (input, init) =>
        String(init?.body).includes('threads.get_by_id') ? never() : chat.network.fetch(input, init),
    });
    const run = client.send('Hi');
    await clock.advance(100);
    chat.network.plan({ status: 410 });
    chat.network.offline();
    chat.network.online();
    await clock.advance(3_000);
    expect(client.getSnapshot().status).toBe('streaming');
    const stopped = watch(client.stop());
    await clock.advance(100);
    expect(stopped).toEqual({ value: null });
    expect(await run.done).toBe('cancelled');
    expect(client.getSnapshot()).toMatchObject({ status: 'idle', error: undefined });
    expect(texts(client)).toEqual(['Hi', 'a']);
  });
});
