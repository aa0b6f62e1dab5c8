/** Arbitraries of free-form JSON and of text as it may stand on the wire. */
import fc from 'fast-check';

/** Text with astral characters, control characters and quotes, but no lone surrogates (UTF-8 has none). */
export const text = (constraints: fc.StringConstraints = {}): fc.Arbitrary<string> =>
  fc.string({ unit: 'binary', maxLength: 12, ...constraints });

const key = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('a', 'b', 'children', 'type', 'id', 'key', 'constructor', 'toString') },
  { weight: 1, arbitrary: text({ maxLength: 4 }).filter((name) => name !== '__proto__') },
);

const leaf = fc.oneof(
  text(),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (Object.is(value, -0) ? 0 : value)),
  fc.boolean(),
);

const tree = (leaves: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3, depthSize: 'small', withCrossShrink: true },
      leaves,
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(key, tie('value'), { maxKeys: 3, noNullPrototype: true }),
    ),
  })).value;

/** Any JSON value, nulls included. */
export const json: fc.Arbitrary<unknown> = tree(fc.oneof(leaf, fc.constant(null)));

/** Any JSON object, nulls included. */
export const jsonObject: fc.Arbitrary<Record<string, unknown>> = fc.dictionary(key, json, {
  maxKeys: 3,
  noNullPrototype: true,
});

/** A JSON value without nulls, as it can stand inside a widget. */
export const jsonWithoutNulls: fc.Arbitrary<unknown> = tree(leaf);

/** An object of which every combination of the optional fields occurs; absent ones are absent, not `undefined`. */
export const record = <R, O extends object = object>(
  required: { [K in keyof R]: fc.Arbitrary<R[K]> },
  optional?: { [K in keyof O]: fc.Arbitrary<O[K]> },
): fc.Arbitrary<R & Partial<O>> =>
  fc.record({ ...required, ...optional } as never, {
    requiredKeys: Object.keys(required) as never,
    noNullPrototype: true,
  }) as fc.Arbitrary<R & Partial<O>>;

/** ISO 8601 in each of the forms that Python prints. */
export const timestamp: fc.Arbitrary<string> = fc
  .tuple(
    fc.date({ min: new Date('2001-01-01'), max: new Date('2099-12-31'), noInvalidDate: true }),
    fc.constantFrom('', 'Z', '+00:00', '-07:30'),
    fc.constantFrom('', '.7', '.710', '.710334'),
  )
  .map(([date, zone, fraction]) => `${date.toISOString().slice(0, 19)}${fraction}${zone}`);
