/** Readers: they wait, end, stop and abort, and fail when the run is deleted or has outgrown its log. */
import type { StreamLog } from '@chatkit/core';
import { describe, expect, it } from 'vitest';
import { endOf, entries, entryOf, freshRun, isPending, type LogKit, offsetsOf, readAll, readSome } from './kit.ts';

/** A signal that counts its listeners. */
const countedSignal = () => {
  const controller = new AbortController();
  const { signal } = controller;
  let listeners = 0;
  const { addEventListener, removeEventListener } = signal;
  const held = new Set<unknown>();
  signal.addEventListener = ((type: string, listener: EventListener, options?: AddEventListenerOptions) => {
    if (!held.has(listener)) listeners += 1;
    held.add(listener);
    addEventListener.call(signal, type, listener, options);
  }) as typeof addEventListener;
  signal.removeEventListener = ((type: string, listener: EventListener) => {
    if (held.delete(listener)) listeners -= 1;
    removeEventListener.call(signal, type, listener);
  }) as typeof removeEventListener;
  return { controller, signal, listeners: () => listeners };
};

/** Appends until the producer has to wait, in a log in which it ever does. */
const fillUp = async (log: StreamLog, run: string): Promise<{ room: Promise<void> | undefined; seq: number }> => {
  const text = 'x'.repeat(4_000);
  for (let seq = 1; ; seq += 1) {
    const room = log.append(run, [entryOf(seq, { text })]);
    if (seq === 200 || (room !== undefined && (await isPending(room)))) return { room, seq };
  }
};

export const describeReaders = ({ log, smallLog }: LogKit): void => {
  describe('readers', () => {
    it('waits for the first entry and for each one after', async () => {
      const run = freshRun();
      await log().create(run);
      const reader = log().read(run)[Symbol.asyncIterator]();
      for (let seq = 1; seq <= 5; seq += 1) {
        const next = reader.next();
        expect(await isPending(next)).toBe(true);
        await log().append(run, [entryOf(seq)]);
        expect(await next).toEqual({ done: false, value: entryOf(seq) });
      }
      const last = reader.next();
      await log().append(run, [endOf(6)]);
      expect(await last).toEqual({ done: false, value: endOf(6) });
      expect((await reader.next()).done).toBe(true);
      expect((await reader.next()).done).toBe(true);
    });

    it('serves many readers, each at its own pace', async () => {
      const run = freshRun();
      await log().create(run);
      const early = Array.from({ length: 20 }, () => readAll(log(), run));
      await log().append(run, entries(1, 10));
      const late = Array.from({ length: 20 }, (_, n) => readAll(log(), run, { after: `1-${(n % 10) + 1}` }));
      await log().append(run, entries(11, 20));
      await log().append(run, [endOf(21)]);
      const whole = offsetsOf([...entries(1, 20), endOf(21)]);
      for (const each of await Promise.all(early)) expect(offsetsOf(each)).toEqual(whole);
      for (const [n, each] of (await Promise.all(late)).entries())
        expect(offsetsOf(each)).toEqual(whole.slice((n % 10) + 1));
    });

    it('lets a reader wait for an offset that the log has not reached', async () => {
      const run = freshRun();
      await log().create(run);
      await log().append(run, entries(1, 2));
      const reading = readAll(log(), run, { after: '1-4' });
      expect(await isPending(reading)).toBe(true);
      await log().append(run, entries(3, 4));
      expect(await isPending(reading)).toBe(true);
      await log().append(run, [entryOf(5), endOf(6)]);
      expect(offsetsOf(await reading)).toEqual(['1-5', '1-6']);
    });

    it('stops when its loop is left, and others read on', async () => {
      const run = freshRun();
      await log().create(run);
      await log().append(run, entries(1, 3));
      expect(offsetsOf(await readSome(log(), run, 2))).toEqual(['1-1', '1-2']);
      await log().append(run, [endOf(4)]);
      expect(await readAll(log(), run)).toHaveLength(4);
    });

    it('settles a next() that is pending when return() is called', async () => {
      const run = freshRun();
      await log().create(run);
      const reader = log().read(run)[Symbol.asyncIterator]();
      const pending = reader.next();
      expect(await isPending(pending)).toBe(true);
      await reader.return?.();
      expect((await pending).done).toBe(true);
      expect((await reader.next()).done).toBe(true);
      await log().append(run, [entryOf(1)]);
      expect((await reader.next()).done).toBe(true);
    });

    it('rejects with the reason of its signal: before, while waiting, and between entries', async () => {
      const run = freshRun();
      await log().create(run);
      const reason = new Error('enough');
      await expect(readAll(log(), run, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);

      const waiting = countedSignal();
      const reading = readAll(log(), run, { signal: waiting.signal });
      expect(await isPending(reading)).toBe(true);
      waiting.controller.abort(reason);
      await expect(reading).rejects.toBe(reason);

      await log().append(run, entries(1, 2));
      const between = countedSignal();
      const reader = log().read(run, { signal: between.signal })[Symbol.asyncIterator]();
      await reader.next();
      between.controller.abort(reason);
      await expect(reader.next()).rejects.toBe(reason);
      expect((await reader.next()).done).toBe(true);
      expect([waiting.listeners(), between.listeners()]).toEqual([0, 0]);
    });

    it('leaves no listener on its signal, however it ends', async () => {
      const run = freshRun();
      await log().create(run);
      await log().append(run, entries(1, 2));
      const { signal, listeners } = countedSignal();
      await readSome(log(), run, 1, { signal });
      const reader = log().read(run, { after: '1-2', signal })[Symbol.asyncIterator]();
      const pending = reader.next();
      await reader.return?.();
      await pending;
      await log().append(run, [endOf(3)]);
      await readAll(log(), run, { signal });
      await expect(readAll(log(), freshRun(), { signal })).rejects.toThrow();
      expect(listeners()).toBe(0);
    });

    it('tells readers of a deleted run log.expired, those that wait too, and then knows it no more', async () => {
      const run = freshRun();
      await log().create(run);
      await log().append(run, entries(1, 2));
      const waiting = readAll(log(), run, { after: '1-2' });
      const idle = log().read(run)[Symbol.asyncIterator]();
      await idle.next();
      expect(await isPending(waiting)).toBe(true);
      await log().delete(run);
      await expect(waiting).rejects.toMatchObject({ code: 'log.expired' });
      await expect(idle.next()).rejects.toMatchObject({ code: 'log.expired' });
      await expect(readAll(log(), run)).rejects.toMatchObject({ code: 'run.not_found' });
      await expect((async () => log().append(run, [entryOf(3)]))()).rejects.toMatchObject({ code: 'run.not_found' });
      await log().delete(run);
    });

    it.skipIf(smallLog === undefined)('bounds what it keeps, and says log.expired to who needs more', async () => {
      const small = (await smallLog?.()) ?? log();
      const run = freshRun();
      await small.create(run);
      const text = 'x'.repeat(1000);
      for (let seq = 1; seq <= 1000; seq += 1) await small.append(run, [entryOf(seq, { text })]);
      await expect(readSome(small, run, 1)).rejects.toMatchObject({ code: 'log.expired' });
      await expect(readSome(small, run, 1, { after: '1-1' })).rejects.toMatchObject({ code: 'log.expired' });
      expect(offsetsOf(await readSome(small, run, 1, { after: '1-999' }))).toEqual(['1-1000']);
      await small.append(run, [endOf(1001)]);
      expect(offsetsOf(await readAll(small, run, { after: '1-999' }))).toEqual(['1-1000', '1-1001']);
    });

    it.skipIf(smallLog === undefined)(
      'refuses an entry larger than all it keeps, keeps the others, goes on',
      async () => {
        const small = (await smallLog?.()) ?? log();
        const run = freshRun();
        await small.create(run);
        const reading = readAll(small, run);
        const huge = entryOf(2, { text: 'x'.repeat(200_000) });
        await expect((async () => small.append(run, [entryOf(1), huge, entryOf(3)]))()).rejects.toMatchObject({
          code: 'event.too_large',
        });
        await expect((async () => small.append(run, [huge]))()).rejects.toMatchObject({ code: 'event.too_large' });
        await small.append(run, [entryOf(2), endOf(3)]);
        expect(await reading).toEqual([...entries(1, 2), endOf(3)]);
        expect(await readAll(small, run)).toEqual([...entries(1, 2), endOf(3)]);
      },
    );

    it.skipIf(smallLog === undefined)('loses nothing of a reader when the producer waits for room', async () => {
      const small = (await smallLog?.()) ?? log();
      const run = freshRun();
      await small.create(run);
      const text = 'x'.repeat(1000);
      const slow = (async () => {
        const seen: string[] = [];
        for await (const entry of small.read(run)) {
          seen.push(entry.offset);
          await new Promise<void>((resolve) => setTimeout(resolve, 0));
        }
        return seen;
      })();
      await isPending(slow);
      for (let seq = 1; seq <= 200; seq += 1) await small.append(run, [entryOf(seq, { text })]);
      await small.append(run, [endOf(201)]);
      expect(await slow).toEqual(offsetsOf([...entries(1, 200), endOf(201)]));
    });

    it('lets the producer go on when a reader comes that has everything, beside one that has stopped', async () => {
      const run = freshRun();
      await log().create(run);
      const stopped = log().read(run)[Symbol.asyncIterator]();
      const first = stopped.next();
      const { room, seq } = await fillUp(log(), run);
      await first;
      const reader = log()
        .read(run, { after: `1-${seq}` })
        [Symbol.asyncIterator]();
      const next = reader.next();
      await room;
      await log().append(run, [endOf(seq + 1)]);
      expect(await next).toEqual({ done: false, value: endOf(seq + 1) });
      await stopped.return?.();
    });

    it('does not keep the producer waiting in a run that is deleted, beside a reader that has stopped', async () => {
      const run = freshRun();
      await log().create(run);
      const stopped = log().read(run)[Symbol.asyncIterator]();
      const first = stopped.next();
      const { room } = await fillUp(log(), run);
      await first;
      await log().delete(run);
      await room?.catch(() => {});
      await stopped.return?.();
    });

    it.skipIf(smallLog === undefined)('does not keep the producer waiting for a reader that has gone', async () => {
      const small = (await smallLog?.()) ?? log();
      const run = freshRun();
      await small.create(run);
      const reader = small.read(run)[Symbol.asyncIterator]();
      const first = reader.next();
      const text = 'x'.repeat(1000);
      const producing = (async () => {
        for (let seq = 1; seq <= 200; seq += 1) await small.append(run, [entryOf(seq, { text })]);
      })();
      await first;
      await isPending(producing);
      await reader.return?.();
      await producing;
    });
  });
};
