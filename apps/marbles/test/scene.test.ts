/** Moves on the page keep a scene possible, and marbles keep out of each other's way. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { endX, layout, msOf, xOf } from '../web/layout.ts';
import {
  HORIZON_MS,
  type Lesson,
  moveEnd,
  moveMarble,
  removeMarble,
  type Scene,
  sceneOf,
  setFails,
} from '../web/scene.ts';

const lesson = { knobs: {}, lines: [] } as unknown as Lesson;
const at = fc.integer({ min: -2 * HORIZON_MS, max: 2 * HORIZON_MS });
const scene: fc.Arbitrary<Scene> = fc
  .array(fc.integer({ min: 0, max: HORIZON_MS }), { minLength: 1, maxLength: 8 })
  .map((times) => ({
    ...sceneOf(lesson),
    lines: [{ marbles: times.map((at, value) => ({ at, value })), endsAt: Math.max(...times), fails: false }],
  }));

test('nothing can be moved out of the picture, or behind the end of its line', () => {
  fc.assert(
    fc.property(scene, fc.array(fc.tuple(fc.boolean(), fc.nat(7), at)), (start, moves) => {
      const moved = moves.reduce(
        (it, [isEnd, index, to]) => (isEnd ? moveEnd(it, 0, to) : moveMarble(it, 0, index, to)),
        start,
      );
      const { marbles = [], endsAt = 0 } = moved.lines[0] ?? {};
      expect(marbles.map(({ value }) => value)).toEqual(start.lines[0]?.marbles.map(({ value }) => value));
      for (const marble of marbles) {
        expect(marble.at).toBeGreaterThanOrEqual(0);
        expect(marble.at).toBeLessThanOrEqual(endsAt);
      }
      expect(endsAt).toBeLessThanOrEqual(HORIZON_MS);
    }),
  );
});

test('removing a marble and making a line fail leave the rest alone', () => {
  fc.assert(
    fc.property(scene, fc.nat(7), (start, index) => {
      const line = start.lines[0];
      const left = setFails(removeMarble(start, 0, index), 0, true).lines[0];
      expect(left?.marbles).toEqual(line?.marbles.filter((_, place) => place !== index));
      expect(left).toMatchObject({ endsAt: line?.endsAt, fails: true });
    }),
  );
});

test('no two marbles of a row cover each other, and all are in the picture', () => {
  const marbles = fc.array(fc.record({ at: fc.nat(HORIZON_MS), label: fc.string({ maxLength: 12 }) }), {
    maxLength: 20,
  });
  fc.assert(
    fc.property(marbles, fc.integer({ min: 300, max: 1200 }), (all, width) => {
      const places = layout(all, width);
      for (const [index, one] of places.entries()) {
        expect(one.x - one.width / 2).toBeGreaterThanOrEqual(0);
        expect(one.x + one.width / 2).toBeLessThanOrEqual(width);
        for (const other of places.slice(index + 1)) {
          if (one.row !== other.row) continue;
          expect(Math.abs(one.x - other.x)).toBeGreaterThanOrEqual((one.width + other.width) / 2);
        }
      }
    }),
  );
});

test('a place in the picture is a time, and the other way round', () => {
  fc.assert(
    fc.property(fc.nat(HORIZON_MS), fc.integer({ min: 300, max: 1200 }), (time, width) => {
      expect(msOf(xOf(time, width), width)).toBeCloseTo(time, 6);
    }),
  );
});

test('an end is drawn at its time or later, and no marble of the first row covers it', () => {
  const marbles = fc.array(fc.record({ at: fc.nat(HORIZON_MS), label: fc.string({ maxLength: 3 }) }), { maxLength: 6 });
  fc.assert(
    fc.property(marbles, fc.integer({ min: 600, max: 1200 }), (all, width) => {
      const places = layout(all, width);
      const last = Math.max(0, ...all.map((marble) => marble.at));
      const x = endX(last, places, width);
      expect(x).toBeGreaterThanOrEqual(xOf(last, width));
      for (const place of places) if (place.row === 0) expect(Math.abs(place.x - x)).toBeGreaterThan(place.width / 2);
    }),
  );
});
