import { readdirSync, readFileSync } from 'node:fs';
import { serializeEvent, toWireItem } from '@chatkit/core';
import { createOrderChecker } from '@chatkit/core/order';
import { threadItemSchema, threadMetadataSchema, threadStreamEventSchema } from '@chatkit/core/schema';
import { describe, expect, it } from 'vitest';

/** Transcripts that the Python SDK wrote; `conformance/README.md` tells how. */
const folder = new URL('../../../conformance/golden/', import.meta.url);

interface Transcript {
  answers?: { sse?: string[] }[];
  rows?: Record<string, { threads?: unknown[]; items?: Record<string, unknown[]> }>;
}

const transcripts = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .map((name) => [name, JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as Transcript] as const);

const framesOf = (transcript: Transcript): string[] =>
  (transcript.answers ?? []).flatMap((answer) => answer.sse ?? []).filter((frame) => frame.startsWith('data: '));

/** Where the same bytes cannot or must not come out again. */
const notTheSame: Record<string, string> = {
  'free-form-keys.json': 'JavaScript puts keys that look like whole numbers first',
  'number-beyond-double.json': 'JavaScript has no whole numbers beyond 2^53',
  'thread-updated-by-hand.json': 'the reference sends the metadata of a thread that the application sends itself',
};

/** What the scenarios do on purpose, which the checker must notice. */
const illegal: Record<string, string> = {
  'cancel-two.json': 'Part 2 of item c comes before part 1.',
  'content-parts.json': 'Part 1 of item m comes before part 0.',
  'hidden-updated.json': 'Item h is of type hidden_context_item, not assistant_message.',
  'item-done-twice.json': 'Item a is done after it was done.',
  'stream-options-event.json': 'stream_options comes twice.',
};

describe('transcripts of the reference', () => {
  it('are there', () => {
    expect(transcripts.length).toBeGreaterThan(60);
    expect(transcripts.flatMap(([, transcript]) => framesOf(transcript)).length).toBeGreaterThan(200);
  });

  it.each(transcripts)('%s: every frame is written again byte for byte', (name, transcript) => {
    const frames = framesOf(transcript);
    const written = frames.map((frame) => {
      const event = threadStreamEventSchema.parse(JSON.parse(frame.slice('data: '.length)));
      return `data: ${serializeEvent(event)}\n\n`;
    });
    // Python writes a whole float with a point; JSON does not tell the two apart.
    const expected = frames.map((frame) => frame.replace(/(:-?\d+)\.0(?=[,}])/g, '$1'));
    if (name in notTheSame) expect(written).not.toEqual(expected);
    else expect(written).toEqual(expected);
  });

  it.each(transcripts)('%s: every stored row is read and written', (_name, transcript) => {
    for (const { threads = [], items = {} } of Object.values(transcript.rows ?? {})) {
      for (const row of threads) expect(threadMetadataSchema.safeParse(row).error).toBeUndefined();
      for (const row of Object.values(items).flat()) {
        const item = threadItemSchema.parse(row);
        expect(threadItemSchema.parse(JSON.parse(JSON.stringify(toWireItem(item))))).toMatchObject({ id: item.id });
      }
    }
  });

  it('come in a legal order, but for those that do wrong on purpose', () => {
    const problems = new Map<string, string>();
    for (const [name, transcript] of transcripts) {
      for (const answer of transcript.answers ?? []) {
        const checker = createOrderChecker();
        for (const frame of (answer.sse ?? []).filter((text) => text.startsWith('data: '))) {
          const problem = checker.check(threadStreamEventSchema.parse(JSON.parse(frame.slice('data: '.length))));
          if (problem !== undefined) problems.set(name, problem);
        }
      }
    }
    expect(Object.fromEntries(problems)).toEqual(illegal);
  });
});
