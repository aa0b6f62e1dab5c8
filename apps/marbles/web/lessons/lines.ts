/** Shorthand for the lines that lessons begin with. */

import type { Line, Value } from '../scene.ts';

/** `values` at `times`; ends a little later. */
export const line = (values: readonly Value[], times: readonly number[], end: Partial<Line> = {}): Line => ({
  marbles: values.map((value, index) => ({ at: times[index] ?? 0, value })),
  endsAt: Math.max(...times) + 100,
  fails: false,
  ...end,
});

export const ms = (label: string, value: number, max = 500, min = 0) => ({ label, value, min, max, step: 10 });
export const count = (label: string, value: number, max = 5) => ({ label, value, min: 1, max, step: 1 });
