// The doctor in front of a real nginx: one that passes a stream on as it comes, and one that collects it whatever it is told.
// The model halts until the doctor's second connection is over, so no clock decides; only lumps are a matter of pace.
import { setTimeout as sleep } from 'node:timers/promises';
import { examine } from '@chatkit/doctor';
import { createMemoryStore } from '@chatkit/store/memory';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { hasNginx, type Nginx, startNginx } from './nginx.ts';
import { startUpstream, type Upstream } from './upstream.ts';

const words = Array.from({ length: 100 }, (_, index) => `word ${index} `);

describe.skipIf(!hasNginx)('the doctor behind nginx', () => {
  let upstream: Upstream;
  let nginx: Nginx<'plain' | 'buffering'>;
  /** What the model does before each word. */
  let pace: (index: number, signal: AbortSignal) => Promise<unknown> | undefined;
  /** In the middle, so that what follows at once is not nearly the whole text, which is a fault of its own. */
  const haltOnce = (index: number) => (index === words.length / 2 ? upstream.nextGetOver() : undefined);

  beforeAll(async () => {
    upstream = await startUpstream({
      store: createMemoryStore(),
      words,
      pace: async (index, signal) => pace(index, signal),
    });
    nginx = await startNginx([upstream.port], {
      plain: '',
      buffering: 'proxy_ignore_headers X-Accel-Buffering; proxy_buffering on;',
    });
    // The first examination of a process compiles what it runs, which no limit of a question is meant for.
    pace = () => undefined;
    await examine({ url: nginx.urls.plain, stallMs: 20_000 });
  });
  beforeEach(() => {
    pace = haltOnce;
  });
  afterAll(async () => {
    await nginx?.close();
    await upstream?.close();
  });

  test('that passes the stream on: the model is slow, and nothing is to be mended', async () => {
    const report = await examine({ url: nginx.urls.plain, stallMs: 300, probeMs: 4_000 });
    // A busy machine may halt elsewhere, too, and as a model does.
    expect(report.stalls).not.toEqual([]);
    for (const stall of report.stalls)
      expect(stall).toMatchObject({ verdict: 'model', evidence: { reply: 'answered', witness: 'level' } });
    expect(report.findings.filter(({ level }) => level === 'fault')).toEqual([]);
    expect(report).toMatchObject({ isHealthy: true, outcome: 'completed' });
  });

  test('that collects the response: streams are held back', async () => {
    const report = await examine({ url: nginx.urls.buffering, stallMs: 300, probeMs: 4_000 });
    expect(report.stalls).toMatchObject([{ verdict: 'buffered', evidence: { reply: 'answered', witness: 'silent' } }]);
    expect(report).toMatchObject({ isHealthy: false, outcome: 'completed' });
  });

  test('that collects a part of it at a time: text comes in lumps', async () => {
    // 4 KiB of events at 30 ms each are more than half a second; nothing is ever silent for long enough to be a stall.
    pace = (_index, signal) => sleep(30, undefined, { signal });
    const report = await examine({ url: nginx.urls.buffering, stallMs: 20_000 });
    expect(report.findings).toMatchObject([{ code: 'lumps', level: 'fault' }]);
    expect(report).toMatchObject({ isHealthy: false, stalls: [] });
  });
});
