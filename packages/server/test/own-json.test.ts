// A copy by hand is the clone that it stands for, or there is none.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ownJson } from '../src/own-json.ts';

const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.string({ unit: 'binary' }),
    fc.double(),
    fc.boolean(),
    fc.constantFrom(null, undefined),
    fc.array(tie('value')),
    fc.dictionary(fc.string({ unit: 'binary' }), tie('value')),
  ),
})).value;

/** Every object in a value, itself included. */
const objectsIn = (value: unknown): object[] =>
  typeof value !== 'object' || value === null ? [] : [value, ...Object.values(value).flatMap(objectsIn)];

const holdsProto = (value: unknown): boolean => objectsIn(value).some((each) => Object.hasOwn(each, '__proto__'));

describe('ownJson', () => {
  it('copies JSON, and what is undefined in it, as structuredClone does', () => {
    fc.assert(
      fc.property(json, (value) => {
        fc.pre(!holdsProto(value));
        const own = ownJson(value);
        expect(own?.value).toStrictEqual(structuredClone(value));
        const mine = new Set(objectsIn(own?.value));
        expect(objectsIn(value).some((each) => mine.has(each))).toBe(false);
      }),
    );
  });

  it('says how long the JSON is at most', () => {
    fc.assert(
      fc.property(json, (value) => {
        const own = ownJson(value);
        fc.pre(own !== undefined);
        const text = JSON.stringify(value) ?? '';
        expect(own?.maxBytes).toBeGreaterThanOrEqual(new TextEncoder().encode(text).byteLength);
      }),
    );
  });

  it.each([
    ['a date', new Date(0)],
    ['a bigint', 1n],
    ['a function', () => {}],
    ['a symbol', Symbol('x')],
    ['a map', new Map()],
    ['bytes', new Uint8Array(1)],
    ['an object of a class', new (class Item {})()],
    ['an object with toJSON', { toJSON: () => 1 }],
    ['an array with a hole', Object.assign([1], { length: 2 })],
    ['a key that names the prototype', JSON.parse('{"__proto__":1}')],
    ['10,001 values', Array.from({ length: 10_001 }, () => 1)],
  ])('leaves %s to others, however deep it lies', (_, value) => {
    expect(ownJson(value)).toBeUndefined();
    expect(ownJson({ a: [{ b: value }] })).toBeUndefined();
  });

  it('leaves circles and what multiplies to others', () => {
    const circle: { self?: object } = {};
    circle.self = circle;
    expect(ownJson(circle)).toBeUndefined();
    let many: unknown[] = [1];
    for (let depth = 0; depth < 40; depth += 1) many = [many, many];
    expect(ownJson(many)).toBeUndefined();
  });
});
