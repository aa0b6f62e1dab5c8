import { describe, expect, test } from 'vitest';
import { measure } from '../src/measure.ts';
import type { Read } from '../src/recording.ts';

describe('measure', () => {
  const read = (atMs: number, texts: number): Read => ({
    atMs,
    bytes: 10,
    events: texts + 1,
    texts,
    letters: texts * 5,
  });

  test('gaps are between reads that brought text', () => {
    const { gaps, firstEventMs, firstTextMs, largest } = measure([
      read(5, 0),
      read(10, 1),
      read(15, 0),
      read(30, 4),
      read(31, 1),
    ]);
    expect(gaps).toEqual({ medianMs: 1, p95Ms: 20, maxMs: 20 });
    expect([firstEventMs, firstTextMs, largest?.atMs]).toEqual([5, 10, 30]);
  });

  test('lumps are many pieces behind a silence, whatever the network cuts them into', () => {
    const collected = [read(900, 20), read(1_800, 11), read(1_805, 9), read(2_700, 20)];
    expect(measure(collected).lumps).toEqual({ count: 2, letters: 200, gapMs: 900 });
    // A provider's packet, which the server has joined into a few events; and a stream that flows.
    expect(measure([read(0, 1), read(600, 3), read(1_200, 7)]).lumps).toBeUndefined();
    expect(measure(Array.from({ length: 50 }, (_, index) => read(index * 40, 20))).lumps).toBeUndefined();
  });

  test('of nothing there is nothing', () => {
    expect(measure([])).toEqual({
      bytes: 0,
      reads: 0,
      events: 0,
      texts: 0,
      letters: 0,
      firstByteMs: undefined,
      firstEventMs: undefined,
      firstTextMs: undefined,
      gaps: undefined,
      lumps: undefined,
      largest: undefined,
    });
  });
});
