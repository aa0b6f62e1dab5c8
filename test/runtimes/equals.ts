/** An array that has all of these among its elements. */
export class Containing {
  readonly expected: readonly unknown[];
  constructor(expected: readonly unknown[]) {
    this.expected = expected;
  }
}

/** Deep equality of plain data. `b` is what is expected. */
export function equals(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (b instanceof Containing)
    return Array.isArray(a) && b.expected.every((each) => a.some((one) => equals(one, each)));
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  if (a instanceof Set || b instanceof Set) {
    return a instanceof Set && b instanceof Set && equals([...a], [...b]);
  }
  if (a instanceof Error || b instanceof Error) return a === b;
  // As in vitest's toEqual, a property that is undefined is as good as none.
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].every((key) => equals((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]));
}

/** Whether `a` has all that `b` has; arrays have the same length. */
export function matches(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return equals(a, b);
  if (Array.isArray(b)) {
    return Array.isArray(a) && a.length === b.length && b.every((each, at) => matches(a[at], each));
  }
  return Object.keys(b).every((key) =>
    matches((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]),
  );
}
