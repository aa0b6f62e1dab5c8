/**
 * Where marbles are drawn: across by time, and in a row of their own where they would cover each other.
 */

import { HORIZON_MS } from './scene.ts';

/** The height of a row, and of a marble with its margin. */
export const ROW = 34;
/** A marble's diameter, and the height of what is drawn as a pill because its label is longer. */
export const SIZE = 28;
const LEFT = 42;
const RIGHT = 22;

export interface Place {
  readonly x: number;
  readonly row: number;
  readonly width: number;
}

export const xOf = (at: number, width: number): number => LEFT + (at / HORIZON_MS) * (width - LEFT - RIGHT);

export const msOf = (x: number, width: number): number => ((x - LEFT) / (width - LEFT - RIGHT)) * HORIZON_MS;

const widthOf = (label: string): number => Math.max(SIZE, Math.round(label.length * 7.3) + 14);

/** The places of `marbles`, in their order; the earlier ones get the upper rows. */
export function layout(marbles: readonly { at: number; label: string }[], width: number): Place[] {
  const places: Place[] = [];
  const rows: number[] = []; // how far each is filled
  const inTime = marbles.map((_, index) => index).sort((a, b) => (marbles[a]?.at ?? 0) - (marbles[b]?.at ?? 0));
  for (const index of inTime) {
    const { at, label } = marbles[index] as { at: number; label: string };
    const own = widthOf(label);
    // A long one at an edge is moved into the picture.
    const x = Math.min(width - own / 2 - 2, Math.max(own / 2 + 22, xOf(at, width)));
    const free = rows.findIndex((filledTo) => filledTo + 2 <= x - own / 2);
    const row = free < 0 ? rows.length : free;
    rows[row] = x + own / 2;
    places[index] = { x, row, width: own };
  }
  return places;
}

/** Where an end is drawn: at its time, or behind a marble of the first row that would cover it. */
export function endX(at: number, places: readonly Place[], width: number): number {
  const x = xOf(at, width);
  const covering = places.filter((place) => place.row === 0 && Math.abs(place.x - x) < place.width / 2 + 4);
  return Math.max(x, ...covering.map((place) => place.x + place.width / 2 + 8));
}

export const rowsOf = (places: readonly Place[]): number => Math.max(1, ...places.map((place) => place.row + 1));

/** Items with the same beginning share a colour, so that an item can be followed through an operator. */
export function hueOf(label: string): number {
  const code = label.trim().codePointAt(0) ?? 0;
  return (code < 58 ? code : code + 5) % 8;
}
