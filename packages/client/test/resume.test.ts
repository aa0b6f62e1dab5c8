import { isDeepStrictEqual } from 'node:util';
import { emptyThreadState, reduceThread, selectItems, type ThreadStreamEvent } from '@chatkit/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ChatClientOptions, createChatClient } from '../src/index.ts';
import { createAutoClock } from './support/auto-clock.ts';
import { createLogServer, type Fault, type LogServer, type Takeover, turnOf } from './support/log-server.ts';

/** Sends to a server with these faults; what the caller saw, and what the screen shows. */
const play = async (
  events: readonly ThreadStreamEvent[],
  faults: readonly Fault[],
  options: Partial<ChatClientOptions> = {},
  { takeover, answering }: { takeover?: Takeover | undefined; answering?: LogServer } = {},
) => {
  const clock = createAutoClock();
  const server = answering ?? createLogServer(events, faults, { takeover, clock });
  const client = createChatClient({
    url: 'http://chat.test/chatkit',
    fetch: server.fetch,
    clock,
    extensions: true,
    ...options,
  });
  const run = client.send('Hi');
  const seen: ThreadStreamEvent[] = [];
  const failure = await (async () => {
    for await (const event of run) seen.push(event);
  })().catch((error: unknown) => error);
  const outcome = await run.done;
  // What is on its way to nobody is not the client's.
  const pending = clock.pending - server.pending;
  return { seen, failure, outcome, snapshot: client.getSnapshot(), pending, requests: server.seen };
};

const uncut = (events: readonly ThreadStreamEvent[]) => selectItems(events.reduce(reduceThread, emptyThreadState));

const recorded = turnOf(['Grüße, ', '世界', ' 👩‍👩‍👧 ', '\u2028', 'done']);

const faultOf = (bytes: number): fc.Arbitrary<Fault> =>
  fc.oneof(
    { weight: 8, arbitrary: fc.record({ cutAt: fc.nat(bytes), cutBy: fc.constantFrom('error', 'end', 'silence') }) },
    { weight: 1, arbitrary: fc.constant<Fault>({ refuse: true }) },
    { weight: 1, arbitrary: fc.constantFrom(404, 429, 500, 502, 503, 521).map((status): Fault => ({ status })) },
  );

/** Around the limits that the client goes by: 20 s for a head, 37.5 s without a byte. */
const pauseMs = fc.oneof(fc.constantFrom(19_999, 20_000, 37_499, 37_500), fc.integer({ min: 1, max: 60_000 }));

const noise = fc.record({
  headMs: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: pauseMs }),
  pauses: fc.array(fc.record({ at: fc.nat(2_000), ms: pauseMs }), { maxLength: 3 }),
  isDeaf: fc.boolean(),
  overlap: fc.nat(6),
  repeat: fc.nat(2),
  late: fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }),
  // Byte by byte is the dear one, and is beside the cuts at every byte.
  chunkBytes: fc.oneof(
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 20 }) },
    { weight: 9, arbitrary: fc.integer({ min: 20, max: 600 }) },
  ),
  lineEnd: fc.constantFrom<'\n' | '\r\n' | '\r'>('\n', '\r\n', '\r'),
});

describe('exactly once', () => {
  it('holds for any cuts, silences, pauses, refusals, overlaps, repeated and late frames, chunks, deaf bodies, and a machine that is replaced', {
    timeout: 600_000,
  }, async () => {
    const text = fc.array(fc.string({ unit: 'grapheme', maxLength: 12 }), { maxLength: 12 });
    const faults = fc.array(
      fc.tuple(faultOf(2_000), noise).map(([fault, more]) => ({ ...more, ...fault })),
      { maxLength: 8 },
    );
    const aTakeover = fc.option(fc.record({ at: fc.nat(9), requests: fc.nat(4) }), { nil: undefined });
    // Drawn as well, so that what is printed of a failure is all of it.
    const chances = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 8 });
    const law = fc.asyncProperty(text, faults, aTakeover, chances, async (deltas, plan, takeover, draws) => {
      const events = turnOf(deltas);
      let drawn = 0;
      const random = () => draws[drawn++ % draws.length] ?? 0;
      // What is looked for is a loss, not when it gives up.
      const patient = { connection: { budgetMs: 3_600_000 }, random };
      const { seen, outcome, snapshot, failure, pending } = await play(events, plan, patient, { takeover });
      expect(failure).toBeUndefined();
      expect(outcome).toBe('completed');
      expect(seen).toEqual(events);
      expect(snapshot.items).toEqual(uncut(events));
      expect(snapshot.status).toBe('idle');
      expect(pending).toBe(0);
    });
    await fc.assert(law, { numRuns: Number(process.env['CHATKIT_RUNS'] ?? 1_000) });
  });

  const ways = [
    { cutBy: 'end', lineEnd: '\r\n' },
    { cutBy: 'error', lineEnd: '\n' },
  ] as const;
  it.each(ways)('holds for a cut at every byte: %o', { timeout: 60_000 }, async (way) => {
    let cuts = 0;
    for (let cutAt = 0; ; cutAt += 1) {
      const { seen, snapshot, outcome, requests } = await play(recorded, [{ cutAt, ...way }]);
      if (outcome !== 'completed' || !isDeepStrictEqual(seen, recorded)) expect({ cutAt, outcome, seen }).toEqual({});
      if (!isDeepStrictEqual(snapshot.items, uncut(recorded))) expect({ cutAt, items: snapshot.items }).toEqual({});
      // One request: the terminal frame came before the cut.
      if (requests.length === 1) break;
      cuts += 1;
    }
    expect(cuts).toBeGreaterThan(1_500);
  });

  it('asks for the run again, not for the message, once the run is known', async () => {
    const { requests } = await play(recorded, [{ cutAt: 700 }, { status: 502 }, { cutAt: 10 }]);
    expect(requests[0]).toBe('POST ');
    expect(requests.slice(1).every((request) => /^GET \?run=run_1&after=1-\d+$/.test(request))).toBe(true);
    expect(requests).toHaveLength(4);
  });
});

describe('a server of the reference', () => {
  const plainServer = (faults: Fault[], events: readonly ThreadStreamEvent[] = recorded) =>
    createLogServer(events, faults, { plain: true });

  it('is served without extensions', async () => {
    const { outcome, snapshot, requests } = await play(
      recorded,
      [],
      { extensions: undefined },
      { answering: plainServer([]) },
    );
    expect(outcome).toBe('completed');
    expect(snapshot.items).toEqual(uncut(recorded));
    expect(requests).toHaveLength(1);
  });

  it('never has a cut taken for an answer, wherever it is', { timeout: 60_000 }, async () => {
    const whole = createLogServer(recorded, [], { plain: true });
    const bytes = (await (await whole.fetch('http://chat.test/')).arrayBuffer()).byteLength;
    // A cut between two frames outside of any item is the one that nothing on this wire tells from an end.
    const tells = new Set<number>();
    let at = 0;
    let open = 0;
    for (const event of recorded) {
      if (event.type === 'thread.item.added') open += 1;
      if (event.type === 'thread.item.done' && event.item.type === 'assistant_message') open -= 1;
      at += new TextEncoder().encode(`data: ${JSON.stringify(event)}\n\n`).byteLength;
      if (open === 0) tells.add(at);
    }
    for (let cutAt = 0; cutAt < bytes; cutAt += 1) {
      for (const cutBy of ['end', 'error'] as const) {
        if (cutBy === 'end' && tells.has(cutAt)) continue;
        const server = plainServer([{ cutAt, cutBy }]);
        const { outcome, snapshot, requests, failure } = await play(
          recorded,
          [],
          { extensions: undefined },
          { answering: server },
        );
        if (outcome !== 'interrupted' || snapshot.error?.retryable !== true || requests.length !== 1) {
          expect({ cutAt, cutBy, outcome, error: snapshot.error, requests }).toEqual({});
        }
        expect(failure).toMatchObject({ code: 'transport.interrupted' });
        expect(snapshot.streamingItemIds.size).toBe(0);
      }
    }
  });
});

describe('giving up', () => {
  it('takes as long as the budget, and says that it is worth another try', async () => {
    const faults = [{ cutAt: 1_300 }, ...Array.from({ length: 500 }, (): Fault => ({ refuse: true }))];
    const { outcome, snapshot, failure, pending } = await play(recorded, faults, { connection: { budgetMs: 60_000 } });
    expect(outcome).toBe('interrupted');
    expect(failure).toMatchObject({ code: 'transport.interrupted', retryable: true });
    expect(snapshot).toMatchObject({ status: 'idle', error: { code: 'transport.interrupted', retryable: true } });
    // What came stays, and nobody is still writing it.
    expect(snapshot.items.length).toBeGreaterThan(1);
    expect(snapshot.streamingItemIds.size).toBe(0);
    expect(pending).toBe(0);
  });

  it('does not repeat a message to a server that may not know it as a repeat', async () => {
    const { outcome, snapshot, requests } = await play(recorded, [{ refuse: true }], { extensions: undefined });
    expect(outcome).toBe('interrupted');
    expect(requests).toHaveLength(1);
    expect(snapshot.error).toMatchObject({ code: 'transport.network', retryable: true });
    expect(snapshot.failedItemIds.size).toBe(1);
  });
});
