/** Computes the figures of a recording: times to the first byte, event and text, gaps, lumps. No I/O. */
import type { Read } from './recording.ts';

/** The figures of a recording. Times are since the request was sent. */
export interface Measures {
  readonly bytes: number;
  readonly reads: number;
  readonly events: number;
  readonly texts: number;
  readonly letters: number;
  readonly firstByteMs: number | undefined;
  readonly firstEventMs: number | undefined;
  readonly firstTextMs: number | undefined;
  /** The times between consecutive reads with text; absent if there are fewer than two such reads. */
  readonly gaps: { readonly medianMs: number; readonly p95Ms: number; readonly maxMs: number } | undefined;
  /** Text that came in lumps, that is, many pieces at once after a silence. Absent if there was none. */
  readonly lumps: { readonly count: number; readonly letters: number; readonly gapMs: number } | undefined;
  /** The read with the most text. */
  readonly largest: Read | undefined;
}

/** Computes the figures of the reads. */
export const measure = (reads: readonly Read[]): Measures => {
  const withText = reads.filter((read) => read.texts > 0);
  const gaps = withText.slice(1).map((read, index) => read.atMs - (withText[index] as Read).atMs);
  gaps.sort((one, other) => one - other);
  const at = (part: number): number => gaps[Math.ceil(gaps.length * part) - 1] as number;
  return {
    bytes: sum(reads, 'bytes'),
    reads: reads.length,
    events: sum(reads, 'events'),
    texts: sum(reads, 'texts'),
    letters: sum(reads, 'letters'),
    firstByteMs: reads[0]?.atMs,
    firstEventMs: reads.find((read) => read.events > 0)?.atMs,
    firstTextMs: withText[0]?.atMs,
    gaps: gaps.length === 0 ? undefined : { medianMs: at(0.5), p95Ms: at(0.95), maxMs: at(1) },
    lumps: lumpsOf(withText),
    largest: withText.reduce<Read | undefined>(
      (most, read) => (most && most.letters >= read.letters ? most : read),
      undefined,
    ),
  };
};

/**
 * How many pieces make a lump. The server joins up to 32 deltas that are ready together, so a single packet from the
 * provider has fewer.
 */
export const LUMP_TEXTS = 8;
/** The minimum silence before a lump. */
const LUMP_GAP_MS = 250;
/** Reads this close together count as one arrival, because the network splits what was sent together. */
const SAME_ARRIVAL_MS = 10;

/** Whether the last events arrived as they were sent, and not in a lump. */
export const hasFlowed = (reads: readonly Read[]): boolean =>
  (reads.findLast(({ events }) => events > 0)?.texts ?? LUMP_TEXTS) < LUMP_TEXTS;

const lumpsOf = (withText: readonly Read[]): Measures['lumps'] => {
  const arrivals: { atMs: number; lastMs: number; texts: number; letters: number }[] = [];
  for (const { atMs, texts, letters } of withText) {
    const last = arrivals.at(-1);
    if (last === undefined || atMs - last.lastMs > SAME_ARRIVAL_MS)
      arrivals.push({ atMs, lastMs: atMs, texts, letters });
    else Object.assign(last, { lastMs: atMs, texts: last.texts + texts, letters: last.letters + letters });
  }
  const gapBefore = (index: number): number => (arrivals[index]?.atMs ?? 0) - (arrivals[index - 1]?.lastMs ?? Infinity);
  const lumps = arrivals.flatMap(({ texts, letters }, index) =>
    texts >= LUMP_TEXTS && gapBefore(index) >= LUMP_GAP_MS ? [{ letters, gapMs: gapBefore(index) }] : [],
  );
  if (lumps.length === 0) return undefined;
  const gaps = lumps.map(({ gapMs }) => gapMs).toSorted((one, other) => one - other);
  return {
    count: lumps.length,
    letters: lumps.reduce((total, lump) => total + lump.letters, 0),
    gapMs: gaps[Math.floor(gaps.length / 2)] as number,
  };
};

const sum = (reads: readonly Read[], field: 'bytes' | 'events' | 'texts' | 'letters'): number =>
  reads.reduce((total, read) => total + read[field], 0);
