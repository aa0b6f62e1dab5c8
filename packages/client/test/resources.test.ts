/** Nothing is left behind by runs that were not read to their end: timers, listeners, open bodies, memory. */
import { getEventListeners } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createVirtualClock } from '@chatkit/testing';
import { describe, expect, it } from 'vitest';
import { type ChatClient, type ChatRun, createChatClient, type PageSignal } from '../src/index.ts';
import { turnOf } from './support/log-server.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const heapBytes = (): number => {
  collectGarbage();
  collectGarbage();
  return process.memoryUsage().heapUsed;
};

/** Runs that never end unless they are cancelled, and a count of all that could stay open. */
const endlessRuns = () => {
  const clock = createVirtualClock({ startMs: 1 });
  const listeners = new Set<(signal: PageSignal) => void>();
  const signals = new Set<WeakRef<AbortSignal>>();
  const bodies = new Map<string, ReadableStreamDefaultController<Uint8Array>>();
  const encoder = new TextEncoder();
  const events = turnOf(['a', 'b']).slice(0, 6);
  const frames = encoder.encode(
    events.map((event, index) => `id: 1-${index + 1}\ndata: ${JSON.stringify(event)}\n\n`).join(''),
  );
  let isOffline = false;

  const answer: typeof globalThis.fetch = async (_, init) => {
    if (isOffline) throw new TypeError('fetch failed');
    if (init?.signal) signals.add(new WeakRef(init.signal));
    const id = new Headers(init?.headers).get('chatkit-run-id');
    if (id === null) {
      const cancelled = (JSON.parse(String(init?.body)) as { params: { run_id: string } }).params.run_id;
      bodies.get(cancelled)?.enqueue(encoder.encode('event: end\nid: 1-9\ndata: {"outcome":"cancelled"}\n\n'));
      return Response.json({});
    }
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        bodies.set(id, controller);
        controller.enqueue(frames);
      },
      cancel: () => void bodies.delete(id),
    });
    return new Response(body, { headers: { 'content-type': 'text/event-stream', 'chatkit-run-id': id } });
  };

  const client = createChatClient({
    url: 'http://chat.test/chatkit',
    extensions: true,
    fetch: answer,
    clock,
    random: () => 0,
    connection: { budgetMs: 150 },
    page: {
      listen(listener) {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
    },
    scheduler: (flush) => {
      const timer = clock.setTimeout(flush, 16);
      return () => clock.clearTimeout(timer);
    },
  });

  return {
    client,
    clock,
    async drop() {
      isOffline = true;
      for (const body of bodies.values()) body.error(new TypeError('terminated'));
      bodies.clear();
      await clock.advance(400);
      isOffline = false;
    },
    left: () => ({
      bodies: bodies.size,
      timers: clock.pending,
      listeners: listeners.size,
      onSignals: [...signals].reduce((count, ref) => {
        const signal = ref.deref();
        return count + (signal === undefined ? 0 : getEventListeners(signal, 'abort').length);
      }, 0),
    }),
    forget: () => signals.clear(),
  };
};

type Runs = ReturnType<typeof endlessRuns>;
const turns = async (count = 3) => {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};
/** A run that has begun, with somebody who iterates it. */
const begin = async (client: ChatClient): Promise<ChatRun> => {
  const run = client.send('Hi');
  void (async () => {
    for await (const _ of run);
  })().catch(() => {});
  await turns();
  return run;
};

/** Together 10,000, so shared out that none takes much longer than the others: a run costs a millisecond or two of CPU. */
const ways: [string, (runs: Runs) => Promise<unknown>, string, number][] = [
  ['stop', ({ client }) => begin(client).then(() => client.stop()), 'stop', 2_400],
  [
    'stop before the first byte',
    ({ client }) => {
      client.send('Hi');
      return client.stop();
    },
    'stop',
    2_500,
  ],
  ['detach', ({ client }) => begin(client).then(() => client.detach()), 'detach', 2_400],
  ['another thread', ({ client }) => begin(client).then(() => client.newThread()), 'navigate', 2_400],
  ['a lost network', (runs) => begin(runs.client).then(() => runs.drop()), 'drop', 300],
];

describe('10,000 aborted runs leave nothing', () => {
  it.each(ways)('%s', { timeout: 60_000 }, async (_, abort, reason, count) => {
    const runs = endlessRuns();
    let heap = 0;
    for (let index = 0; index <= count; index += 1) {
      const tenth = Math.floor(count / 10);
      // What the engine compiles and caches in the beginning is no leak.
      if (index === tenth) heap = heapBytes();
      let last: ChatRun | undefined;
      const send = runs.client.send.bind(runs.client);
      const client = {
        ...runs.client,
        send: (text: string) => {
          last = send(text);
          return last;
        },
      };
      await abort({ ...runs, client });
      if (index % tenth === 0) {
        expect(await last?.closed).toBe(reason);
        runs.client.newThread();
        await runs.clock.advance(10_000);
        expect(runs.left()).toEqual({ bodies: 0, timers: 0, listeners: 0, onSignals: 0 });
        runs.forget();
      } else runs.client.newThread();
    }
    await turns(10);
    const perRun = (heapBytes() - heap) / (count * 0.9);
    // A leaked run is several kilobytes.
    expect(perRun).toBeLessThan(1_000);
  });
});
