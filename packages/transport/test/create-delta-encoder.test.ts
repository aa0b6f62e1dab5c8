import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createDeltaEncoder, encodeSse, isTransportError } from '../src/index.ts';

interface Delta {
  type: 'delta';
  item: string;
  index: number;
  text: string;
  note?: string;
}
type Event = Delta | { type: 'other'; value: unknown };

const options = {
  deltaOf: (event: Event) => (event.type === 'delta' ? event.text : undefined),
  withDelta: (event: Event, text: string): Event => ({ ...(event as Delta), text }),
  isSame: (event: Event, other: Event) =>
    event.type === 'delta' &&
    other.type === 'delta' &&
    event.item === other.item &&
    event.index === other.index &&
    event.note === other.note,
};

const words = fc.oneof(
  fc.constantFrom(
    ' token',
    '',
    '"',
    '\\',
    'ü',
    '東京',
    '😀',
    '\ud800',
    '\n',
    '\r',
    '\u2028',
    '\u0000',
    'ec9f7c8e-5f0e-4b0e-9d65-probe', // the encoder's own stand-in for a delta
  ),
  fc.string({ unit: 'binary' }),
);
const few = fc.constantFrom('a', 'b', '"', ' token');
const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record(
      { type: fc.constant('delta' as const), item: few, index: fc.integer({ min: 0, max: 1 }), text: words, note: few },
      { requiredKeys: ['type', 'item', 'index', 'text'] },
    ),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('other' as const), value: fc.jsonValue() }) },
);
const id = fc.option(fc.stringMatching(/^[A-Za-z0-9._~-]{1,12}$/), { nil: undefined });
/** Runs of the same event with other words, so that the template is used. */
const run = fc
  .tuple(event, fc.array(words, { maxLength: 6 }))
  .map(([first, texts]) => [first, ...(first.type === 'delta' ? texts.map((text) => ({ ...first, text })) : [])]);

describe('createDeltaEncoder', () => {
  it('equals the plain encoder for every sequence of events', () => {
    fc.assert(
      fc.property(fc.array(run), id, (runs, frameId) => {
        const encoder = createDeltaEncoder(options);
        for (const one of runs.flat()) {
          const json = JSON.stringify(one);
          expect(encoder.json(one)).toBe(json);
          expect(encoder.sse(one, frameId)).toBe(encodeSse({ id: frameId, data: json }));
        }
      }),
    );
  });

  it('frames a row as it frames each of its events, for the same object again and between single events', () => {
    const aStep = fc.record({
      at: fc.nat(2),
      deltas: fc.array(words, { minLength: 1, maxLength: 5 }),
      by: fc.constantFrom('row', 'row', 'one'),
    });
    fc.assert(
      fc.property(
        fc.array(event, { minLength: 3, maxLength: 3 }),
        fc.array(aStep, { maxLength: 12 }),
        (pool, steps) => {
          const encoder = createDeltaEncoder(options);
          for (const { at, deltas, by } of steps) {
            const one = pool[at] as Event;
            if (one.type !== 'delta') continue;
            const events = deltas.map((text) => ({ ...one, text }));
            const expected = events.map((each) => encodeSse({ data: JSON.stringify(each) }));
            const frames =
              by === 'row' ? encoder.sseRow(one, deltas) : events.map((each) => encoder.sse(each)).join('');
            expect(frames).toBe(expected.join(''));
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('equals a serializer of its own, wherever that puts the delta', () => {
    const wrap = (one: Event) =>
      `{"v":1,"text":${JSON.stringify((one as Delta).text ?? '')},"event":${JSON.stringify(one)}}`;
    const upper = (one: Event) => JSON.stringify(one).toUpperCase();
    fc.assert(
      fc.property(fc.array(run), fc.constantFrom(wrap, upper), (runs, stringify) => {
        const encoder = createDeltaEncoder({ ...options, stringify });
        for (const one of runs.flat()) expect(encoder.json(one)).toBe(stringify(one));
      }),
    );
  });

  it('serializes the first two events of a row, and no more', () => {
    let calls = 0;
    const encoder = createDeltaEncoder({
      ...options,
      stringify: (one: Event) => {
        calls++;
        return JSON.stringify(one);
      },
    });
    for (let n = 0; n < 100; n++) encoder.sse({ type: 'delta', item: 'a', index: 0, text: `token ${n}` });
    expect(calls).toBe(3); // the two, and the probe
  });

  it('refuses an id as encodeSse does', () => {
    const encoder = createDeltaEncoder(options);
    const one: Event = { type: 'delta', item: 'a', index: 0, text: 'x' };
    for (let n = 0; n < 5; n++)
      expect(() => encoder.sse(one, '1\ndata: x')).toThrowError(
        expect.toSatisfy((error: unknown) => isTransportError(error, 'transport.invalid_frame')),
      );
  });
});
