// Ten thousand runs that were not read to their end, in every way there is to leave one: nothing of them stays, be it memory,
// listeners, timers or sockets. Once in process, with one signal that outlives them all, and once over real sockets.
import { getEventListeners } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  assistantMessage,
  type ChatKitRequestInput,
  isChatKitError,
  itemAdded,
  type Store,
  textDelta,
} from '@chatkit/core';
import { createChatKitServer, type SettingsOptions } from '@chatkit/server';
import { toNodeHandler } from '@chatkit/server/node';
import { createMemoryLease, createMemoryLog, createMemoryStore } from '@chatkit/store/memory';
import { createVirtualClock } from '@chatkit/testing';
import { expect, onTestFinished, test } from 'vitest';

const ada = 'ada';
/** What one run may leave of a heap that was collected: less than a closure over a run, an entry or a frame. */
const PER_RUN_BYTES = 128;
/** What compiled code and the runtime's own tables may take meanwhile. */
const NOISE_BYTES = 1024 * 1024;
/** Each costs several milliseconds, which tell the same as of ten thousand. */
const SOCKET_RUNS = 2_000;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const heapBytes = async (): Promise<number> => {
  for (let time = 0; time < 3; time += 1) {
    collectGarbage();
    await sleep(1);
  }
  return process.memoryUsage().heapUsed;
};

/** A server whose answers never end by themselves, and which forgets threads when it is told to. */
const startServer = (settings: SettingsOptions = {}) => {
  const store: Store<string> = createMemoryStore<string>();
  const signals = new Set<AbortSignal>();
  const log = createMemoryLog();
  const errors: unknown[] = [];
  const server = createChatKitServer<string>({
    store,
    log,
    lease: createMemoryLease({ ttlMs: 60_000, maxEndedRuns: 10 }),
    retain: { runs: 250 },
    maxRunsPerUser: 1_000,
    cancelGraceMs: 50,
    disconnect: { resumable: 'cancel' },
    // A thread may be forgotten while its run is still being closed.
    onError: (error) => isChatKitError(error, 'thread.not_found') || errors.push(error),
    ...settings,
    async *respond(thread, _input, _context, run) {
      signals.add(run.signal);
      yield itemAdded(assistantMessage({ thread_id: thread.id, id: `a_${thread.id}` }));
      yield textDelta(`a_${thread.id}`, 'half');
      await new Promise((_, reject) => {
        run.signal.addEventListener('abort', () => reject(run.signal.reason), { once: true });
      });
    },
  });
  /** Waits for the runs to settle; tells what they have left on their signals, and forgets their threads. */
  const sweep = async (): Promise<number> => {
    let listeners = 0;
    for (const signal of signals) {
      while (!signal.aborted) await sleep(1);
      listeners += getEventListeners(signal, 'abort').length;
    }
    signals.clear();
    for (let page = await threads(); page.length > 0; page = await threads()) {
      for (const { id } of page) await store.deleteThread(id, ada);
    }
    return listeners;
  };
  const threads = async () => (await store.listThreads({ limit: 100, order: 'asc' }, ada)).data;
  return { server, errors, sweep };
};

const create: ChatKitRequestInput = {
  type: 'threads.create',
  params: { input: { content: [{ type: 'input_text', text: 'hi' }], attachments: [], inference_options: {} } },
};
const request = (body: ChatKitRequestInput, headers: Record<string, string> = {}, signal?: AbortSignal): Request =>
  new Request('http://test/chatkit', {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
    signal: signal ?? null,
  });
const optIn = (runId: string) => ({ 'chatkit-client': '1', 'chatkit-run-id': runId });

/** Half a minute of work on two cores that have nothing else to do, and ten times that on a machine that does much else. */
const patience = { timeout: 600_000 };

test('10,000 aborted runs leave the heap, the timers and the listeners as they were', patience, async () => {
  const clock = createVirtualClock();
  const { server, errors, sweep } = startServer({ clock });
  onTestFinished(() => server.close({ graceMs: 0 }));
  /** One for all of them, as that of a program that is to end one day. */
  const shutdown = new AbortController();
  const ways: ((id: string) => Promise<unknown>)[] = [
    // The body is closed: unread, after the first piece, by an opted-in client.
    async () => (await server.handle(request(create), ada)).body?.cancel(),
    async () => {
      const reader = (await server.handle(request(create), ada)).body?.getReader();
      await reader?.read();
      await reader?.cancel();
    },
    async (id) => {
      const reader = (await server.handle(request(create, optIn(id)), ada)).body?.getReader();
      await reader?.read();
      await reader?.cancel();
    },
    // The request is aborted: before, after its answer has begun, by a signal of its own or by one that follows another.
    async () => server.handle(request(create, {}, AbortSignal.abort()), ada),
    async () => {
      const leaving = new AbortController();
      await server.handle(request(create, {}, leaving.signal), ada);
      leaving.abort();
    },
    async () => {
      const leaving = new AbortController();
      const response = await server.handle(
        request(create, {}, AbortSignal.any([shutdown.signal, leaving.signal])),
        ada,
      );
      await response.body?.getReader().read();
      leaving.abort();
    },
    // It is stopped by somebody, while it is read to the end.
    async (id) => {
      const response = await server.handle(request(create, optIn(id)), ada);
      await server.handle(request({ type: 'runs.cancel', params: { run_id: id } }), ada);
      await response.text();
    },
    // A second reader comes and goes.
    async (id) => {
      const response = await server.handle(request(create, optIn(id)), ada);
      const second = await server.handle(new Request(`http://test/chatkit?run=${id}`), ada);
      await second.body?.cancel();
      await response.body?.cancel();
    },
  ];
  let count = 0;
  let onSignals = 0;
  const abortRuns = async (runs: number) => {
    for (let batch = 0; batch < runs / 200; batch += 1) {
      await Promise.all(
        Array.from({ length: 200 }, () => {
          count += 1;
          return (ways[count % ways.length] as (typeof ways)[0])(`r${count}`);
        }),
      );
      onSignals += await sweep();
    }
  };
  await abortRuns(1_000);
  const before = { heap: await heapBytes(), timers: clock.pending };
  await abortRuns(10_000);
  const after = { heap: await heapBytes(), timers: clock.pending };
  console.log(`10,000 aborted runs: heap ${((after.heap - before.heap) / 1024).toFixed(0)} KiB`);
  expect(after.heap - before.heap).toBeLessThan(10_000 * PER_RUN_BYTES + NOISE_BYTES);
  expect(after.timers).toBe(before.timers);
  // At most one for each run that is retained, and one that looks for dead machines.
  expect(after.timers).toBeLessThanOrEqual(251);
  expect(onSignals).toBe(0);
  expect(getEventListeners(shutdown.signal, 'abort')).toEqual([]);
  expect(errors).toEqual([]);
});

test('over real sockets too', patience, async () => {
  const { server, errors, sweep } = startServer();
  const handle = toNodeHandler(server, { context: () => ada });
  let open = 0;
  const http = createServer((asked, answer) => {
    open += 1;
    answer.once('close', () => {
      open -= 1;
    });
    void handle(asked, answer);
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    await server.close({ graceMs: 0 });
    http.closeAllConnections();
    http.close();
  });
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/chatkit`;
  const post = (headers: Record<string, string>, signal: AbortSignal) =>
    fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(create),
      signal,
    });
  let count = 0;
  const abortOne = async () => {
    count += 1;
    const leaving = new AbortController();
    const answer = post(count % 2 === 0 ? {} : optIn(`r${count}`), leaving.signal);
    // A third leaves before the answer, a third with its first bytes, a third without reading.
    if (count % 3 !== 0) {
      const response = await answer;
      if (count % 3 === 1) await response.body?.getReader().read();
    }
    leaving.abort();
    await answer.catch(() => {});
  };
  let onSignals = 0;
  const abortRuns = async (runs: number) => {
    for (let batch = 0; batch < runs / 100; batch += 1) {
      await Promise.all(Array.from({ length: 100 }, abortOne));
      while (open > 0) await sleep(1);
      onSignals += await sweep();
    }
  };
  await abortRuns(1_000);
  const before = await heapBytes();
  await abortRuns(SOCKET_RUNS);
  const grown = (await heapBytes()) - before;
  console.log(`${SOCKET_RUNS} aborted runs over sockets: heap ${(grown / 1024).toFixed(0)} KiB`);
  expect(grown).toBeLessThan(SOCKET_RUNS * PER_RUN_BYTES + NOISE_BYTES);
  expect(onSignals).toBe(0);
  expect(http.listenerCount('request')).toBe(1);
  expect(errors).toEqual([]);
});
