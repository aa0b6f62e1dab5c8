// From a log to a body: everything once and in order, whoever moves next; at once while the reader waits, together when not.
import { formatOffset, isTextRow, type LogEntry, lastOffsetOfRow, progressUpdate, type TextRow } from '@chatkit/core';
import { createMemoryLog } from '@chatkit/store/memory';
import { forEach, from, pushable } from '@chatkit/stream';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EventFrames } from '../src/event-frames.ts';
import { PlainEncoder, ResumableEncoder } from '../src/frame-encoders.ts';
import { type FrameEncoder, FrameStream } from '../src/frame-stream.ts';

const entry = (seq: number): LogEntry => ({ offset: formatOffset(1, seq), event: progressUpdate(`${seq}`) });
const end = (seq: number): LogEntry => ({ offset: formatOffset(1, seq), end: 'completed' });

const offsetOf = (entry: LogEntry | TextRow): string => (isTextRow(entry) ? lastOffsetOfRow(entry) : entry.offset);

/** Writes the numbers of entries; what is there together stands in brackets. */
const bracketing = (): FrameEncoder => {
  let held: string[] = [];
  let last: string | undefined;
  return {
    add(entry) {
      held.push(offsetOf(entry));
      return '';
    },
    rest() {
      if (held.length === 0) return '';
      last = held.at(-1);
      const text = `[${held.map((each) => each.slice(2)).join(' ')}]`;
      held = [];
      return text;
    },
    offset: () => last,
  };
};
const numbering = (): FrameEncoder => {
  let last: string | undefined;
  return {
    add(entry) {
      last = offsetOf(entry);
      return `${last.slice(2)} `;
    },
    rest: () => '',
    offset: () => last,
  };
};
/** Writes an entry when the next one comes, or there is none yet. */
const lagging = (): FrameEncoder => {
  let held: string | undefined;
  let last: string | undefined;
  const give = () => {
    if (held === undefined) return '';
    last = held;
    return `${held.slice(2)} `;
  };
  return {
    add(entry) {
      const text = give();
      held = offsetOf(entry);
      return text;
    },
    rest() {
      const text = give();
      held = undefined;
      return text;
    },
    offset: () => last,
  };
};

describe('FrameStream', () => {
  test('gives everything once and in order, and never claims more than it gave, whoever moves next', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 30 }),
        fc.constantFrom(numbering, bracketing),
        fc.boolean(),
        fc.scheduler(),
        async (length, encoder, begins, scheduler) => {
          const log = createMemoryLog();
          await log.create('r');
          let overs = 0;
          const stream = new FrameStream({ entries: log.read('r'), encoder: encoder(), onOver: () => overs++ });
          const move = (who: string) => scheduler.schedule(Promise.resolve(), who);
          const produce = async () => {
            for (let seq = 1; seq < length; seq += 1) {
              await move('producer');
              log.append('r', [entry(seq)]);
            }
            await move('producer');
            log.append('r', [end(length)]);
          };
          const read = async () => {
            let text = '';
            if (begins) expect(await stream.begin()).toBe(true);
            for (;;) {
              await move('reader');
              const step = await stream.frames.next();
              if (step.done === true) return text;
              text += step.value;
              const last = /(\d+)\D*$/.exec(text)?.[1];
              expect(stream.offset()).toBe(`1-${last}`);
            }
          };
          const [, text] = await scheduler.waitFor(Promise.all([produce(), read()]));
          expect(text.match(/\d+/g)).toEqual(Array.from({ length }, (_, at) => `${at + 1}`));
          expect(overs).toBe(1);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('an entry reaches a reader that waits within the call that appends it; a backlog is taken together', async () => {
    const log = createMemoryLog();
    await log.create('r');
    const stream = new FrameStream({ entries: log.read('r'), encoder: bracketing(), onOver() {} });
    const seen: string[] = [];
    let busy: Promise<void> | undefined;
    const reading = forEach((text: string) => {
      seen.push(text);
      return busy;
    })(stream.frames);
    log.append('r', [entry(1)]);
    expect(seen).toEqual(['[1]']);
    let free = () => {};
    busy = new Promise((resolve) => {
      free = resolve;
    });
    for (let seq = 2; seq <= 6; seq += 1) log.append('r', [entry(seq)]);
    expect(seen).toEqual(['[1]', '[2]']);
    busy = undefined;
    free();
    await Promise.resolve();
    expect(seen).toEqual(['[1]', '[2]', '[3 4 5 6]']);
    log.append('r', [end(7)]);
    await reading;
    expect(seen).toHaveLength(4);
  });

  test('what is taken together is bounded', async () => {
    const log = createMemoryLog();
    await log.create('r');
    const text = 'x'.repeat(1000);
    for (let seq = 1; seq <= 100; seq += 1) log.append('r', [entry(seq)]);
    log.append('r', [end(101)]);
    const encoder = { add: () => text, rest: () => '', offset: () => undefined };
    const lengths: number[] = [];
    const { frames } = new FrameStream({ entries: log.read('r'), encoder, onOver() {} });
    for await (const each of frames) lengths.push(each.length);
    expect(lengths.reduce((sum, each) => sum + each)).toBe(101_000);
    expect(Math.max(...lengths)).toBeLessThan(10_000);
  });

  test('stop() ends it behind what has been given, and the log is let go of', async () => {
    const log = createMemoryLog({ maxLagBytes: 100 });
    await log.create('r');
    let overs = 0;
    const stream = new FrameStream({ entries: log.read('r'), encoder: numbering(), onOver: () => overs++ });
    const first = stream.frames.next();
    log.append('r', [entry(1)]);
    expect(await first).toEqual({ done: false, value: '1 ' });
    log.append('r', [entry(2)]);
    stream.stop();
    expect(await stream.frames.next()).toEqual({ done: true, value: undefined });
    expect(stream.offset()).toBe('1-1');
    expect(overs).toBe(1);
    for (let seq = 3; seq < 50; seq += 1) expect(log.append('r', [entry(seq)])).toBeUndefined();
  });

  test('stop() drops all that the reader has not been given, also what the encoder holds back', async () => {
    const entries = pushable<LogEntry>();
    const stream = new FrameStream({ entries, encoder: lagging(), onOver() {} });
    const first = stream.frames.next();
    entries.push(entry(1));
    expect((await first).value).toBe('1 ');
    entries.pushMany([entry(2), entry(3)]);
    stream.stop();
    expect(await stream.frames.next()).toEqual({ done: true, value: undefined });
    expect(stream.offset()).toBe('1-1');
  });

  test('nothing is given behind an entry that cannot be encoded, whenever that turns out', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(numbering, lagging),
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 5 }),
        async (make, bad, chunks) => {
          const encoder = make();
          const refuse = (text: string) => {
            if (text.startsWith(`${bad} `)) throw new Error('no frame');
            return text;
          };
          const entries = pushable<LogEntry>();
          const { frames } = new FrameStream({
            entries,
            encoder: {
              add: (given) => refuse(encoder.add(given)),
              rest: () => refuse(encoder.rest()),
              offset: encoder.offset,
            },
            onOver() {},
          });
          let text = '';
          const reading = (async () => {
            for await (const each of frames) text += each;
          })();
          const failed = reading.then(
            () => false,
            () => true,
          );
          let seq = 0;
          for (const size of chunks) {
            entries.pushMany(Array.from({ length: size }, () => entry(++seq)));
            await Promise.resolve();
          }
          entries.end();
          expect(await failed).toBe(bad <= seq);
          const given = text.match(/\d+/g) ?? [];
          expect(given).toEqual(given.map((_, at) => `${at + 1}`));
          expect(given.length).toBeLessThan(bad <= seq ? bad : seq + 1);
        },
      ),
    );
  });

  test('return(), read or unread, lets go of the log; so does an encoder that throws', async () => {
    for (const isRead of [true, false]) {
      const log = createMemoryLog({ maxLagBytes: 100 });
      await log.create('r');
      let overs = 0;
      const { frames } = new FrameStream({ entries: log.read('r'), encoder: numbering(), onOver: () => overs++ });
      const pending = isRead ? frames.next() : undefined;
      await frames.return();
      expect((await pending)?.done ?? true).toBe(true);
      expect(overs).toBe(1);
      for (let seq = 1; seq < 50; seq += 1) expect(log.append('r', [entry(seq)])).toBeUndefined();
    }
    const log = createMemoryLog();
    await log.create('r');
    log.append('r', [entry(1), entry(2)]);
    const add = () => {
      throw new Error('no frame');
    };
    const encoder = { add, rest: () => '', offset: () => undefined };
    const { frames } = new FrameStream({ entries: log.read('r'), encoder, onOver() {} });
    await expect(frames.next()).rejects.toThrow('no frame');
  });

  test('a log that gives chunks, or one that fails, is read like any other', async () => {
    const chunks = pushable<LogEntry>();
    chunks.pushMany([entry(1), entry(2), entry(3)]);
    const stream = new FrameStream({ entries: chunks, encoder: numbering(), onOver() {} });
    expect(await stream.begin()).toBe(true);
    chunks.fail(new Error('broken'));
    const read = from(stream.frames);
    expect((await read.next()).value).toBe('1 2 3 ');
    await expect(read.next()).rejects.toThrow('broken');
    const unknown = new FrameStream({ entries: createMemoryLog().read('r'), encoder: numbering(), onOver() {} });
    await expect(unknown.begin()).rejects.toMatchObject({ code: 'run.not_found' });
  });

  test('gives what came before an entry that cannot be encoded, and nothing after it, in whatever chunks they come', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 20 }),
        fc.nat({ max: 19 }),
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1 }),
        fc.boolean(),
        fc.boolean(),
        async (length, place, sizes, isResumable, begins) => {
          const bad = place % length;
          const all = Array.from({ length }, (_, at) =>
            // The one has an offset that cannot be the `id` of a frame, the other an event that is no JSON.
            at === bad
              ? isResumable
                ? { offset: 'two\nlines', event: progressUpdate('bad') }
                : { offset: formatOffset(1, at + 1), event: { ...progressUpdate('bad'), icon: 1n as never } }
              : entry(at + 1),
          );
          const chunks = pushable<LogEntry>({ capacity: length });
          for (let done = 0, turn = 0; done < length; turn += 1) {
            const size = sizes[turn % sizes.length] as number;
            chunks.pushMany(all.slice(done, done + size));
            done += size;
          }
          chunks.end();
          const frames = new EventFrames();
          const encoder = isResumable ? new ResumableEncoder(frames, 1_000) : new PlainEncoder(frames);
          let overs = 0;
          const stream = new FrameStream({ entries: chunks, encoder, onOver: () => overs++ });
          let text = '';
          const read = async () => {
            if (begins) await stream.begin();
            for await (const each of stream.frames) text += each;
          };
          await expect(read()).rejects.toThrow();
          stream.close();
          const seen = [...text.matchAll(/"text":"(\d+)"/g)].map(([, seq]) => Number(seq));
          expect(seen).toEqual(Array.from({ length: bad }, (_, at) => at + 1));
          expect(stream.offset()).toBe(isResumable && bad > 0 ? formatOffset(1, bad) : undefined);
          expect(overs).toBe(1);
        },
      ),
      { numRuns: 300 },
    );
  });
});
