// Whatever is lost on the way, Redis ends up with every entry of every run, in order, and nobody waits for ever.
import { ChatKitError, formatOffset, type LogEntry, parseOffset } from '@chatkit/core';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { decodeBatch } from '../src/redis/log-batch.ts';
import { type Haste, Outbox } from '../src/redis/log-outbox.ts';
import { createLogRun } from '../src/redis/log-run.ts';
import { createLogWriter, type LogWriter } from '../src/redis/log-writer.ts';
import type { Place } from '../src/shared/entry-list.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const placeOf = (entry: LogEntry): Place => parseOffset(entry.offset) as Place;
const entryAt = (epoch: number, seq: number): LogEntry => ({
  offset: formatOffset(epoch, seq),
  event: {
    type: 'thread.item.updated',
    item_id: 'a',
    update: { type: 'assistant_message.content_part.text_delta', content_index: 0, delta: `${seq} ` },
  },
});

type Fate = 'kept' | 'lost' | 'kept, its answer lost' | 'silence' | 'kept, then silence' | 'silence, kept in the end';

/** A Redis that keeps batches by key, and loses commands or answers as it is told; without a word it keeps them. */
const createFakeRedis = () => {
  const kept = new Map<string, LogEntry[]>();
  const commands: { readonly at: number; readonly runs: number }[] = [];
  /** Whether each batch, in the order in which they were sent, renews the time to live of its run. */
  const renewals: boolean[] = [];
  const fates: Fate[] = [];
  const take = (batch: string): void => {
    const [, key = '', id = '', before = '', outcome, events = ''] =
      /^\d+ (\S+) (\S+) (\S*) !?([a-z]*)(.*)$/.exec(batch) ?? [];
    const entries = kept.get(key) ?? [];
    const fields = ['p', before, 'e', events, ...(outcome === '' ? [] : ['o', outcome])] as string[];
    const last = entries.at(-1)?.offset ?? '';
    if (last !== '' && last === id) return;
    for (const entry of decodeBatch([id, fields])?.entries ?? []) {
      // Readers pass over what they have.
      const { epoch, seq } = placeOf(entry);
      const known = parseOffset(entries.at(-1)?.offset ?? '');
      if (known === undefined || epoch > known.epoch || (epoch === known.epoch && seq > known.seq)) entries.push(entry);
    }
    kept.set(key, entries);
  };
  return {
    kept,
    commands,
    renewals,
    fates,
    async append(_keys: readonly string[], args: readonly string[]): Promise<unknown> {
      const fate = fates.shift() ?? 'kept';
      const batches = (args.at(-1) as string).split('\n').slice(0, -1);
      commands.push({ at: performance.now(), runs: batches.length });
      renewals.push(...batches.map((batch) => / ![a-z]*\[/.test(batch)));
      if (fate.includes('end')) {
        // Another connection has brought the same or more in the meantime.
        await new Promise((done) => setTimeout(done, 500));
      }
      if (fate.includes('kept')) for (const batch of batches) take(batch);
      if (fate.includes('silence')) await new Promise(() => {});
      await new Promise((done) => setTimeout(done, 3));
      if (fate !== 'kept') throw new Error('The connection is gone.');
      return [];
    },
  };
};

const createWriter = (append: ReturnType<typeof createFakeRedis>['append'], options = {}): LogWriter =>
  createLogWriter({
    append,
    keyPrefix: '',
    flushMs: 25,
    flushEvents: 4,
    flushBytes: 8_192,
    maxRunsPerCommand: 3,
    maxBytesPerRun: 1_000_000,
    openTtlMs: 3_600_000,
    endedTtlMs: 600_000,
    unreachableMs: 30_000,
    lateMs: 100,
    isLost: () => true,
    onAcked() {},
    onFailed() {},
    ...options,
  });
const open = (id: string): Outbox => new Outbox(createLogRun(id));

const fates: readonly Fate[] = [
  'kept',
  'lost',
  'kept, its answer lost',
  'silence',
  'kept, then silence',
  'silence, kept in the end',
];
const aRunId = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const aHaste = fc.constantFrom<Haste>('now', 'soon', 'later');
const aStep = fc.oneof(
  { weight: 6, arbitrary: fc.record({ of: fc.constant('push' as const), run: aRunId, haste: aHaste }) },
  { weight: 1, arbitrary: fc.record({ of: fc.constant('gap' as const), run: aRunId }) },
  { weight: 1, arbitrary: fc.record({ of: fc.constant('epoch' as const), run: aRunId }) },
  { weight: 3, arbitrary: fc.record({ of: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 60 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      of: fc.constant('fate' as const),
      fate: fc.constantFrom<Fate>(...fates),
    }),
  },
);

describe('createLogWriter', () => {
  it('brings every entry once, in order, whatever is lost on the way', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(aStep, { maxLength: 60 }), async (steps) => {
        const redis = createFakeRedis();
        const writer = createWriter(redis.append);
        const runs = new Map<string, { outbox: Outbox; epoch: number; seq: number; pushed: string[] }>();
        const pass = async (ms: number): Promise<void> => {
          await vi.advanceTimersByTimeAsync(ms);
          writer.checkLate(performance.now());
        };
        const push = (id: string, entry: LogEntry, haste: Haste): void => {
          const run = runs.get(id);
          run?.pushed.push(entry.offset);
          if (run !== undefined) writer.push(run.outbox, entry, placeOf(entry), 100, haste);
        };
        for (const step of steps) {
          if (step.of === 'pass') await pass(step.ms);
          else if (step.of === 'fate') redis.fates.push(step.fate);
          else {
            const run = runs.get(step.run) ?? { outbox: open(step.run), epoch: 1, seq: 0, pushed: [] };
            runs.set(step.run, run);
            if (step.of === 'epoch') Object.assign(run, { epoch: run.epoch + 1, seq: 0 });
            run.seq += step.of === 'gap' ? 2 : 1;
            push(step.run, entryAt(run.epoch, run.seq), step.of === 'push' ? step.haste : 'later');
          }
        }
        for (const [id, run] of runs)
          push(id, { offset: formatOffset(run.epoch, run.seq + 1), end: 'completed' }, 'now');
        const all = Promise.all([...runs.values()].map(({ outbox }) => writer.confirmed(outbox)));
        for (let second = 0; second < 60; second += 1) await pass(1_000);
        await all;
        for (const [id, { outbox, pushed }] of runs) {
          expect(outbox.isConfirmed).toBe(true);
          expect(redis.kept.get(id)?.map(({ offset }) => offset)).toEqual(pushed);
        }
        for (const { runs: count } of redis.commands) expect(count).toBeLessThanOrEqual(3);
        expect(vi.getTimerCount()).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it('sends the first at once and the others within 25 ms, many runs in one command', async () => {
    const redis = createFakeRedis();
    const writer = createWriter(redis.append, { maxRunsPerCommand: 32 });
    const outboxes = Array.from({ length: 20 }, (_, index) => open(`${index}`));
    const first = performance.now();
    for (const outbox of outboxes) writer.push(outbox, entryAt(1, 1), { epoch: 1, seq: 1 }, 100, 'now');
    await vi.advanceTimersByTimeAsync(4);
    expect(redis.commands.map(({ at, runs }) => [at - first, runs])).toEqual([[0, 20]]);
    const second = performance.now();
    for (const outbox of outboxes) writer.push(outbox, entryAt(1, 2), { epoch: 1, seq: 2 }, 100, 'later');
    await vi.advanceTimersByTimeAsync(100);
    const later = redis.commands.slice(1);
    expect(later.map(({ runs }) => runs)).toEqual([20]);
    expect((later[0]?.at ?? 0) - second).toBeGreaterThan(19);
    expect((later[0]?.at ?? 0) - second).toBeLessThanOrEqual(26);
  });

  it.each([
    ['entries', { flushEvents: 4, flushBytes: 8_192 }, 4],
    ['text', { flushEvents: 100, flushBytes: 150 }, 6],
  ])('lets nothing wait for company once so many %s of a run wait', async (_, options, count) => {
    const redis = createFakeRedis();
    const writer = createWriter(redis.append, options);
    const outbox = open('a');
    const push = (seq: number) => writer.push(outbox, entryAt(1, seq), { epoch: 1, seq }, 100, 'later');
    for (let seq = 1; seq < count; seq += 1) push(seq);
    await vi.advanceTimersByTimeAsync(1);
    expect(redis.commands.length).toBe(0);
    push(count);
    await vi.advanceTimersByTimeAsync(1);
    expect(redis.kept.get('a')?.length).toBe(count);
  });

  it('pauses for longer while Redis fails, and begins anew once it has answered', async () => {
    const redis = createFakeRedis();
    const writer = createWriter(redis.append);
    const outbox = open('a');
    redis.fates.push(...Array<Fate>(7).fill('lost'));
    writer.push(outbox, entryAt(1, 1), { epoch: 1, seq: 1 }, 100, 'now');
    await vi.advanceTimersByTimeAsync(5_000);
    const pauses = redis.commands.slice(1).map(({ at }, index) => at - (redis.commands[index]?.at ?? 0) - 3);
    expect(pauses.length).toBe(7);
    for (const [index, ms] of pauses.slice(2).entries()) expect(ms).toBeGreaterThan(2 * (pauses[index + 1] ?? 0));
    redis.fates.push('lost');
    writer.push(outbox, entryAt(1, 2), { epoch: 1, seq: 2 }, 100, 'now');
    await vi.advanceTimersByTimeAsync(30);
    expect(redis.kept.get('a')?.length).toBe(2);
  });

  it('takes along at once what waited for company when something urgent comes', async () => {
    const redis = createFakeRedis();
    const writer = createWriter(redis.append, { flushEvents: 10 });
    const [hasty, patient] = [open('hasty'), open('patient')];
    for (const outbox of [hasty, patient]) {
      for (const seq of [1, 2, 3]) writer.push(outbox, entryAt(1, seq), { epoch: 1, seq }, 100, 'later');
    }
    writer.push(hasty, entryAt(1, 4), { epoch: 1, seq: 4 }, 100, 'now');
    await vi.advanceTimersByTimeAsync(1);
    expect([...redis.kept].map(([id, entries]) => [id, entries.length])).toEqual([['hasty', 4]]);
    await vi.advanceTimersByTimeAsync(40);
    expect(redis.kept.get('patient')?.length).toBe(3);
    expect(redis.commands.map(({ runs }) => runs)).toEqual([1, 1]);
    expect([hasty.isConfirmed, patient.isConfirmed]).toEqual([true, true]);
  });

  it.each<Haste>(['soon', 'now'])(
    'sends what leaves %s together with what leaves within a tick anyway',
    async (haste) => {
      const redis = createFakeRedis();
      const writer = createWriter(redis.append);
      const [patient, other] = [open('patient'), open('other')];
      await vi.advanceTimersByTimeAsync(5 - (performance.now() % 5));
      writer.push(patient, entryAt(1, 1), { epoch: 1, seq: 1 }, 100, 'later');
      await vi.advanceTimersByTimeAsync(21);
      expect(redis.commands).toEqual([]);
      const pushedAt = performance.now();
      writer.push(other, entryAt(1, 1), { epoch: 1, seq: 1 }, 100, haste);
      writer.push(patient, entryAt(1, 2), { epoch: 1, seq: 2 }, 100, 'later');
      await vi.advanceTimersByTimeAsync(0);
      expect(redis.commands.map(({ runs }) => runs)).toEqual(haste === 'now' ? [2] : []);
      await vi.advanceTimersByTimeAsync(4);
      expect(redis.commands.map(({ runs }) => runs)).toEqual([2]);
      expect((redis.commands[0]?.at ?? 0) - pushedAt).toBe(haste === 'now' ? 0 : 4);
      await vi.advanceTimersByTimeAsync(40);
      expect([...redis.kept].map(([id, entries]) => [id, entries.length]).toSorted()).toEqual([
        ['other', 1],
        ['patient', 2],
      ]);
    },
  );

  it('sends at once what is to leave soon when nothing leaves within a tick', async () => {
    const redis = createFakeRedis();
    const writer = createWriter(redis.append);
    const [patient, other] = [open('patient'), open('other')];
    await vi.advanceTimersByTimeAsync(5 - (performance.now() % 5));
    writer.push(patient, entryAt(1, 1), { epoch: 1, seq: 1 }, 100, 'later');
    writer.push(other, entryAt(1, 1), { epoch: 1, seq: 1 }, 100, 'soon');
    await vi.advanceTimersByTimeAsync(0);
    expect(redis.commands.map(({ runs }) => runs)).toEqual([1]);
  });

  it('tells nobody of a batch that nobody waits for, and sends the next one behind it', async () => {
    const redis = createFakeRedis();
    const told: string[] = [];
    const writer = createWriter(redis.append, { onAcked: ({ run }: Outbox) => void told.push(run.id) });
    const outbox = open('a');
    for (let seq = 1; seq <= 3; seq += 1) {
      writer.push(outbox, entryAt(1, seq), { epoch: 1, seq }, 100, 'later');
      await vi.advanceTimersByTimeAsync(40);
    }
    expect(told).toEqual([]);
    expect(outbox.isConfirmed).toBe(true);
    writer.push(outbox, entryAt(1, 4), { epoch: 1, seq: 4 }, 100, 'now');
    const confirmed = writer.confirmed(outbox);
    await vi.advanceTimersByTimeAsync(5);
    await confirmed;
    expect(told).toEqual(['a']);
    expect(redis.kept.get('a')?.length).toBe(4);
    expect(redis.commands.length).toBe(4);
  });

  it('renews the time to live of a run in each twentieth of it, and with whatever is sent in place of that', async () => {
    const redis = createFakeRedis();
    const writer = createWriter(redis.append, { openTtlMs: 2_000 });
    const outbox = open('a');
    let seq = 0;
    const push = async (haste: Haste, ms: number): Promise<void> => {
      seq += 1;
      writer.push(outbox, entryAt(1, seq), { epoch: 1, seq }, 100, haste);
      await vi.advanceTimersByTimeAsync(ms);
    };
    await vi.advanceTimersByTimeAsync(100 - (performance.now() % 100));
    await push('now', 10);
    await push('now', 90);
    redis.fates.push('lost');
    await push('now', 50);
    await push('now', 50);
    await push('later', 0);
    await push('now', 10);
    expect(redis.renewals).toEqual([true, false, true, true, false, true]);
    expect(redis.kept.get('a')?.length).toBe(6);
  });

  it('rejects who waits for a run that is given up', async () => {
    const redis = createFakeRedis();
    const writer = createWriter(redis.append);
    const outbox = open('a');
    writer.push(outbox, { offset: '1-1', end: 'completed' }, { epoch: 1, seq: 1 }, 100, 'now');
    const confirmed = writer.confirmed(outbox);
    outbox.abandon(new ChatKitError('log.expired', 'Deleted.'));
    await expect(confirmed).rejects.toMatchObject({ code: 'log.expired' });
    await vi.advanceTimersByTimeAsync(100);
    expect(redis.commands).toEqual([]);
  });
});
