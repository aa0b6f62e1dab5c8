/** A run on its way into a database: until when it is kept there, and when its producer waits. */
import { formatOffset, type LogEntry } from '@chatkit/core';
import { stageOf } from '@chatkit/stream/engine';
import { expect, it } from 'vitest';
import { createCopiedLog } from '../src/memory/memory-log.ts';
import { JournalRun } from '../src/shared/journal-run.ts';

const note = (seq: number, text = ''): LogEntry => ({
  offset: formatOffset(1, seq),
  event: { type: 'progress_update', text },
});

const freshRun = async (options: { windowBytes?: number; openTtlMs?: number; endedTtlMs?: number } = {}) => {
  const { log, copy } = createCopiedLog({});
  await log.create('run');
  const run = new JournalRun({
    ...{ id: 'run', number: 1, writer: 'me', windowBytes: 1_000, openTtlMs: 1_000, endedTtlMs: 50, ...options },
    source: stageOf(copy('run')),
    onLost() {},
    onWritten() {},
  });
  run.take();
  /** Writes what there is at `nowMs`; says until when the run is kept from then on, where the batches say it. */
  const write = (nowMs: number): (number | undefined)[] => {
    const batches = run.batches(nowMs);
    run.onReplies(batches.map(() => 'done'));
    return batches.map(({ expiresMs }) => expiresMs);
  };
  return { log, run, write };
};

it('is kept for its time to live from a tenth of it on, again and again, and for another time from its end on', async () => {
  const began = Date.now();
  const { log, write } = await freshRun();
  const expiries: unknown[] = [];
  for (const [index, ms] of [50, 1_150, 1_200, 1_250, 9_000].entries()) {
    log.append('run', [note(index + 1)]);
    for (const at of write(began + ms)) expiries.push(at === undefined ? undefined : at - began);
  }
  log.append('run', [{ offset: '1-6', end: 'completed' }]);
  for (const at of write(began + 9_010)) expiries.push((at as number) - began);
  expect(expiries).toEqual([undefined, 2_150, undefined, 2_250, 10_000, 9_060]);
});

it('makes its producer wait for the database until half of the window is written, or nothing will be', async () => {
  const { log, run, write } = await freshRun({ windowBytes: 1_000 });
  const isWaiting = async (room: Promise<void> | undefined): Promise<boolean> =>
    room !== undefined &&
    (await Promise.race([room.then(() => false), new Promise<boolean>((no) => setImmediate(() => no(true)))]));
  log.append('run', [note(1, 'x'.repeat(900))]);
  run.take();
  expect(run.roomOf()).toBeUndefined();
  log.append('run', [note(2, 'x'.repeat(900))]);
  run.take();
  const room = run.roomOf();
  expect(await isWaiting(room)).toBe(true);
  write(Date.now());
  expect([await isWaiting(room), run.roomOf()]).toEqual([false, undefined]);
  log.append('run', [note(3, 'x'.repeat(2_000))]);
  run.take();
  const lost = run.roomOf();
  const ended = run.ended();
  expect(await isWaiting(lost)).toBe(true);
  run.forget(new Error('gone'));
  expect(await isWaiting(lost)).toBe(false);
  await expect(ended).rejects.toThrow('gone');
});
