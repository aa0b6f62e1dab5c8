// Each verdict on a real server that has the fault. Nothing here is decided by how fast the machine is: a stall lasts
// until the doctor has asked, and what counts as one, and the limits of the questions, are far above what an answer takes.
import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import { createMemoryLease, createMemoryStore } from '@chatkit/store/memory';
import { createSqliteStore } from '@chatkit/store/sqlite';
import { createFaultProxy } from '@chatkit/testing/node';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type ExamineOptions, examine } from '../src/examine.ts';
import { createAnswering, createGate, holdBack, listen, type Pace, passOn, passOnWhole } from './servers.ts';

const words = Array.from({ length: 20 }, (_, index) => `word ${index} `);
/** Enough text for a burst to be one. */
const many = [...words, ...words];
/** A process that shares its core with ten others gets no answer within 300 ms now and then. */
const quick = { stallMs: 1_000, probeMs: 3_000, limitMs: 50_000 } satisfies Partial<ExamineOptions>;

/** Where nothing is to stall: the machine's own pauses are none. */
const patient = { stallMs: 20_000 } satisfies Partial<ExamineOptions>;

/** Halts the model before the word `at` until somebody has asked for the run, and has been answered or has gone. */
const createHalt = (at: number) => {
  const asked = createGate();
  const pace: Pace = (index) => (index === at ? asked.opened : undefined);
  const onRequest = ({ method }: IncomingMessage, response: ServerResponse): void => {
    if (method === 'GET') response.once('close', asked.open);
  };
  return { pace, onRequest, asked: asked.open };
};

/** A server whose model halts, and the port of whatever is in front of it. */
const startHalting = async (at: number, said = words) => {
  const halt = createHalt(at);
  const { handler } = createAnswering(said, halt.pace);
  const origin = await listen((incoming, outgoing) => {
    halt.onRequest(incoming, outgoing);
    handler(incoming, outgoing);
  });
  return { ...origin, halt };
};

describe('a server that streams', () => {
  test('is healthy, and is left as it was found', async () => {
    const { handler, store } = createAnswering(words);
    const { url } = await listen(handler);
    const report = await examine({ url, ...patient, message: 'How are you?' });
    expect(report).toMatchObject({
      isHealthy: true,
      status: 200,
      ending: 'end',
      outcome: 'completed',
      stalls: [],
      findings: [],
    });
    expect(report.measures.letters).toBeGreaterThan(0);
    expect(report.runId).toMatch(/^run_/);
    const page = await store.listThreads({ limit: 5, order: 'desc' }, undefined);
    expect(page.data).toEqual([]);
  });

  test('keeps the thread if asked to', async () => {
    const { handler, store } = createAnswering(words);
    const { url } = await listen(handler);
    await examine({ url, ...patient, keepThread: true });
    expect((await store.listThreads({ limit: 5, order: 'desc' }, undefined)).data).toHaveLength(1);
  });
});

describe('why it stands still', () => {
  test('model: nothing newer is to be had', async () => {
    const { url } = await startHalting(5);
    const report = await examine({ url, ...quick });
    expect(report.stalls).toMatchObject([
      { verdict: 'model', evidence: { reply: 'answered', witness: 'level', isOpen: true } },
    ]);
    expect(report).toMatchObject({ isHealthy: true, outcome: 'completed', findings: [] });
  });

  test('model, before the first text: there could have been progress', async () => {
    const { url } = await startHalting(0);
    const report = await examine({ url, ...quick });
    expect(report.stalls).toMatchObject([{ verdict: 'model' }]);
    expect(report.findings).toMatchObject([{ code: 'no_progress', level: 'hint' }]);
    expect(report.isHealthy).toBe(true);
  });

  test('model, which then has its text all at once', async () => {
    const { url } = await startHalting(0, [many.join('')]);
    const report = await examine({ url, ...quick });
    expect(report.findings).toMatchObject([{ code: 'burst', level: 'hint' }, { code: 'no_progress' }]);
  });

  test.each([503, 521])('model, by its heartbeats, where nothing can be asked (status %i)', async (status) => {
    const { handler } = createAnswering(words, (index) => (index === 3 ? new Promise(() => {}) : undefined), {
      heartbeatMs: 50,
    });
    const origin = await listen(handler);
    const { url } = await listen((incoming, outgoing) => {
      if (incoming.headers['chatkit-run-id']) return passOn(origin.port, incoming, outgoing);
      outgoing.writeHead(status).end();
    });
    const seen = new AbortController();
    let refused = 0;
    const report = await examine({
      url,
      ...quick,
      signal: seen.signal,
      fetch: async (...call) => {
        const response = await fetch(...call);
        if (!response.ok) refused += 1;
        // All that it asks; the verdict is there long before the time is over.
        if (refused === 5) setTimeout(() => seen.abort(), 500);
        return response;
      },
    });
    expect(report.stalls[0]).toMatchObject({
      verdict: 'model',
      evidence: { reply: 'unreachable', witness: 'refused', witnessStatus: status },
    });
    expect(report.stalls[0]?.evidence.heartbeats).toBeGreaterThan(0);
  });

  test('held: a second connection has what the first one waits for', async () => {
    const held = createGate();
    const { handler } = createAnswering(words, (index) => (index === 1 ? held.opened : undefined));
    const origin = await listen(handler);
    const seen = new AbortController();
    const { url } = await listen((incoming, outgoing) => {
      const isFirst = incoming.headers['chatkit-run-id'] !== undefined;
      passOn(origin.port, incoming, outgoing, ...(isFirst ? [holdBack(held.open)] : []));
      // Longer than the doctor gives the first connection to catch up.
      if (incoming.method === 'GET') outgoing.once('close', () => setTimeout(() => seen.abort(), 1_000));
    });
    const report = await examine({ url, ...quick, signal: seen.signal });
    expect(report.stalls).toMatchObject([{ verdict: 'held', evidence: { witness: 'ahead' } }]);
    expect(report).toMatchObject({ isHealthy: false, ending: 'unfinished' });
  });

  test('held, though what it has is larger than a decoder takes unless it is told to', async () => {
    const held = createGate();
    const large = ['One ', 'a'.repeat(2 * 1024 * 1024)];
    const { handler } = createAnswering(large, (index) => (index === 1 ? held.opened : undefined));
    const origin = await listen(handler);
    const { url } = await listen((incoming, outgoing) => {
      const isFirst = incoming.headers['chatkit-run-id'] !== undefined;
      passOn(origin.port, incoming, outgoing, ...(isFirst ? [holdBack(held.open)] : []));
    });
    const report = await examine({ url, ...quick, limitMs: 4_000 });
    // A busy machine may have been slow to begin, too.
    expect(report.stalls.at(-1)).toMatchObject({ verdict: 'held', evidence: { witness: 'ahead' } });
  });

  test('buffered: streams are held back, other answers are not', async () => {
    const { port } = await startHalting(5, many);
    const { url } = await listen((incoming, outgoing) => passOn(port, incoming, outgoing, passOnWhole));
    const report = await examine({ url, ...quick });
    expect(report.stalls[0]).toMatchObject({
      verdict: 'buffered',
      evidence: { isOpen: false, reply: 'answered', witness: 'silent' },
    });
    expect(report.findings).toMatchObject([{ code: 'burst', level: 'fault' }]);
    expect(report).toMatchObject({ isHealthy: false, outcome: 'completed' });
  });

  test('buffered, where the answer ends before the second stream is given up', async () => {
    const asked = createGate();
    const { handler } = createAnswering(words, (index) => (index === 5 ? asked.opened : undefined));
    const origin = await listen(handler);
    const { url } = await listen((incoming, outgoing) => passOn(origin.port, incoming, outgoing, passOnWhole));
    let answers = 0;
    const report = await examine({
      url,
      ...quick,
      probeMs: 20_000,
      fetch: async (...call) => {
        const response = await fetch(...call);
        const isStream = response.headers.get('content-type')?.startsWith('text/event-stream');
        if (!isStream) answers += 1;
        // Long enough after them for a second stream to have been silent.
        if (answers === 3) setTimeout(asked.open, 1_000);
        return response;
      },
    });
    expect(report.stalls).toMatchObject([{ verdict: 'buffered', evidence: { isOpen: false, witness: 'silent' } }]);
    expect(report).toMatchObject({ isHealthy: false, outcome: 'completed' });
  });

  test('model, behind a proxy that holds back answers to GET alone', async () => {
    const { port } = await startHalting(5);
    const { url } = await listen((incoming, outgoing) => {
      passOn(port, incoming, outgoing, ...(incoming.method === 'GET' ? [passOnWhole] : []));
    });
    const report = await examine({ url, ...quick });
    expect(report.stalls).toMatchObject([{ verdict: 'model', evidence: { hasFlowed: true, witness: 'silent' } }]);
    expect(report).toMatchObject({ isHealthy: true, findings: [{ code: 'late_resume' }] });
  });

  test('server: its event loop is blocked, and nobody is answered', async () => {
    const worker = new Worker(new URL('./blocked-server.ts', import.meta.url), {
      execArgv: ['--conditions=@chatkit/source'],
    });
    onTestFinished(() => void worker.terminate());
    const port = await new Promise<number>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    const report = await examine({ url: `http://127.0.0.1:${port}/chatkit`, ...quick, probeMs: 2_000 });
    expect(report.stalls[0]).toMatchObject({ verdict: 'server', evidence: { reply: 'silent', witness: 'silent' } });
    expect(report).toMatchObject({ isHealthy: false, outcome: 'completed' });
  });

  test('storage: the store hangs, and the server does not', async () => {
    const halt = createHalt(5);
    const { handler } = createAnswering(words, halt.pace, {
      store: { ...createMemoryStore(), listThreads: () => new Promise(() => {}) },
    });
    const { url } = await listen((incoming, outgoing) => {
      halt.onRequest(incoming, outgoing);
      handler(incoming, outgoing);
    });
    const report = await examine({ url, ...quick, probeMs: 2_000 });
    expect(report.stalls[0]).toMatchObject({ verdict: 'storage', evidence: { bare: 'answered', reply: 'silent' } });
    expect(report).toMatchObject({ isHealthy: false, outcome: 'completed' });
  });

  test('storage: the store hangs, and the server says so before the doctor has given up', async () => {
    const halt = createHalt(5);
    const { handler } = createAnswering(words, halt.pace, {
      store: { ...createMemoryStore(), listThreads: () => new Promise(() => {}) },
      deadlines: { callMs: 50 },
    });
    const { url } = await listen((incoming, outgoing) => {
      halt.onRequest(incoming, outgoing);
      handler(incoming, outgoing);
    });
    const report = await examine({ url, ...quick, probeMs: 3_000 });
    expect(report.stalls[0]).toMatchObject({ verdict: 'storage', evidence: { bare: 'answered', reply: 'silent' } });
    expect(report).toMatchObject({ isHealthy: false, outcome: 'completed' });
  });

  test('storage: the lease hangs, and neither the server nor the store does', async () => {
    const asked = createGate();
    const made = createMemoryLease();
    const hanging =
      <Call extends unknown[], Answer>(ask: (...call: Call) => Promise<Answer>) =>
      async (...call: Call): Promise<Answer> => {
        await asked.opened;
        return ask(...call);
      };
    const { handler } = createAnswering(words, () => {}, {
      lease: { ...made, acquire: hanging(made.acquire), find: hanging(made.find) },
    });
    const { url } = await listen((incoming, outgoing) => {
      if (incoming.method === 'GET') outgoing.once('close', asked.open);
      handler(incoming, outgoing);
    });
    const report = await examine({ url, ...quick, probeMs: 2_000 });
    expect(report.stalls[0]).toMatchObject({
      verdict: 'storage',
      evidence: { bare: 'answered', reply: 'answered', lookup: 'silent', witness: 'silent' },
    });
    expect(report).toMatchObject({ isHealthy: false, outcome: 'completed' });
  });

  test('storage: the store’s database can be read, and is locked for whoever writes', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'chatkit-doctor-'));
    const path = join(folder, 'chat.db');
    const store = createSqliteStore({ path });
    const other = new DatabaseSync(path);
    onTestFinished(() => {
      other.close();
      store.close();
      rmSync(folder, { recursive: true, force: true });
    });
    // The answer is said, and has to be stored.
    const lockBeforeEnd: Pace = (index) => (index === words.length ? other.exec('BEGIN IMMEDIATE') : undefined);
    const { handler } = createAnswering(words, lockBeforeEnd, { store });
    const { url } = await listen((incoming, outgoing) => {
      if (incoming.method === 'GET') outgoing.once('close', () => other.exec('COMMIT'));
      handler(incoming, outgoing);
    });
    const report = await examine({ url, ...quick, probeMs: 2_000 });
    expect(report.stalls).toMatchObject([
      { verdict: 'storage', evidence: { reply: 'answered', lookup: 'answered', write: 'silent', witness: 'level' } },
    ]);
    expect(report).toMatchObject({ isHealthy: false, outcome: 'completed' });
  });

  test('network: the server cannot be reached any more', async () => {
    const { port, halt } = await startHalting(5);
    const proxy = await createFaultProxy({ port });
    onTestFinished(() => proxy.close());
    let refused = 0;
    const report = await examine({
      url: `${proxy.url}/chatkit`,
      ...quick,
      fetch: async (...call) => {
        try {
          const response = await fetch(...call);
          proxy.setFaults({ refuse: true });
          return response;
        } catch (error) {
          refused += 1;
          if (refused === 5) halt.asked();
          throw error;
        }
      },
    });
    expect(report.stalls[0]).toMatchObject({
      verdict: 'network',
      evidence: { reply: 'unreachable', witness: 'refused' },
    });
    expect(report).toMatchObject({ isHealthy: false, outcome: 'completed' });
  });

  test('forgotten: the machine that is asked does not know the run', async () => {
    const one = await startHalting(5);
    const other = await listen(createAnswering(words).handler);
    const { url } = await listen((incoming, outgoing) => {
      one.halt.onRequest(incoming, outgoing);
      passOn(incoming.headers['chatkit-run-id'] ? one.port : other.port, incoming, outgoing);
    });
    const report = await examine({ url, ...quick });
    expect(report.stalls).toMatchObject([
      { verdict: 'forgotten', evidence: { witness: 'unknown', witnessStatus: 404 } },
    ]);
    expect(report).toMatchObject({ isHealthy: false, outcome: 'completed' });
  });

  test('not begun: the server answers, and this request is stuck in front of respond()', async () => {
    const origin = await listen(createAnswering(words).handler);
    const asked = createGate();
    const { url } = await listen(async (incoming, outgoing) => {
      if (incoming.method === 'GET') outgoing.once('close', asked.open);
      if (incoming.headers['chatkit-run-id']) await asked.opened;
      passOn(origin.port, incoming, outgoing);
    });
    const report = await examine({ url, ...quick });
    expect(report.stalls).toMatchObject([{ verdict: 'not_begun', evidence: { isOpen: false, witnessStatus: 404 } }]);
    expect(report.outcome).toBe('completed');
  });

  test('unknown: a server without the extensions cannot be asked twice', async () => {
    const { port, halt } = await startHalting(5);
    const { url } = await listen((incoming, outgoing) => {
      if (incoming.headers['chatkit-run-id'] === undefined) outgoing.once('close', halt.asked);
      const { 'chatkit-client': _, 'chatkit-run-id': __, ...headers } = incoming.headers;
      passOn(port, incoming, outgoing, undefined, headers);
    });
    const report = await examine({ url, ...quick });
    expect(report.stalls).toMatchObject([
      { verdict: 'unknown', evidence: { reply: 'answered', witness: 'impossible' } },
    ]);
    expect(report).toMatchObject({
      isHealthy: true,
      runId: undefined,
      ending: 'body_end',
      findings: [{ code: 'plain' }],
    });
  });
});

describe('how it ends', () => {
  test('cut: the connection is closed without the last word', async () => {
    const { port } = await listen(createAnswering(words).handler);
    const proxy = await createFaultProxy({ port });
    onTestFinished(() => proxy.close());
    proxy.setFaults({ cutAfterBytes: 900, reset: true });
    const report = await examine({ url: `${proxy.url}/chatkit`, ...patient });
    expect(report).toMatchObject({ isHealthy: false, ending: 'cut', findings: [{ code: 'cut', level: 'fault' }] });
  });

  // A run costs money for as long as it takes, and whoever examines a server has no other client of it.
  test.each([
    ['cut', 900, true],
    ['cut before its thread is known', 100, false],
  ])('%s: the run is stopped', async (_when, cutAfterBytes, keepThread) => {
    const stopped = createGate();
    const pace: Pace = (index, signal) =>
      index < 3 ? undefined : new Promise((resolve) => signal.addEventListener('abort', () => resolve(stopped.open())));
    const origin = await listen(createAnswering(words, pace).handler);
    const proxy = await createFaultProxy({ port: origin.port });
    onTestFinished(() => proxy.close());
    proxy.setFaults({ cutAfterBytes, reset: true });
    const report = await examine({ url: `${proxy.url}/chatkit`, ...patient, keepThread });
    expect(report.isHealthy).toBe(false);
    await stopped.opened;
  });

  test('unfinished: the run is stopped at the limit', async () => {
    const stopped = createGate();
    const pace: Pace = (index, signal) =>
      index < 3 ? undefined : new Promise((resolve) => signal.addEventListener('abort', () => resolve(stopped.open())));
    const { url } = await listen(createAnswering(words, pace).handler);
    const report = await examine({ url, limitMs: 2_000 });
    await stopped.opened;
    expect(report).toMatchObject({ ending: 'unfinished', findings: [{ code: 'unfinished', level: 'fault' }] });
  });

  test('aborted: what is known by then is reported', async () => {
    const { url } = await startHalting(5);
    const gone = new AbortController();
    const report = await examine({
      url,
      ...quick,
      signal: gone.signal,
      fetch: (...call) => {
        // In the middle of its questions.
        if (call[1]?.method === 'HEAD') gone.abort();
        return fetch(...call);
      },
    });
    expect(report).toMatchObject({ ending: 'unfinished', status: 200 });
  });

  test('no stream: a status, an error’s code, a wrong type', async () => {
    const notThere = await listen((_, response) =>
      response.writeHead(401).end('{"error":{"code":"auth.missing","message":"Who?"}}'),
    );
    const page = await listen((_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>'));
    expect(await examine({ url: notThere.url })).toMatchObject({
      ending: 'no_stream',
      findings: [{ code: 'status', text: 'The server answered 401: auth.missing, Who?.' }],
    });
    expect(await examine({ url: page.url })).toMatchObject({ findings: [{ code: 'content_type' }] });
  });

  test('no stream, and no end: it is not read', async () => {
    const endless = await listen(
      (_, response) => void response.writeHead(200, { 'content-type': 'text/html' }).write('<p>'),
    );
    expect(await examine({ url: endless.url })).toMatchObject({
      ending: 'no_stream',
      findings: [{ code: 'content_type' }],
    });
  });

  test('unreachable: with the reason', async () => {
    const { url, close } = await listen(() => {});
    close();
    const report = await examine({ url });
    expect(report).toMatchObject({ ending: 'unreachable', isHealthy: false, findings: [{ code: 'unreachable' }] });
    expect(report.findings[0]?.text).toContain('ECONNREFUSED');
  });

  test('an error that the run tells is a fault', async () => {
    const pace: Pace = (index) => {
      if (index === 5) throw new Error('secret');
    };
    const { url } = await listen(createAnswering(words, pace, { onError: () => {} }).handler);
    const report = await examine({ url, ...patient });
    expect(report).toMatchObject({ outcome: 'failed', isHealthy: false, findings: [{ code: 'error_event' }] });
  });
});

test('a URL that is none is thrown', async () => {
  await expect(examine({ url: 'chatkit' })).rejects.toThrow(TypeError);
});
