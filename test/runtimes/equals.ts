/** Deep equality of plain data. */
export function equals(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  if (a instanceof Error || b instanceof Error) return a === b;
  // As in vitest's toEqual, a property that is undefined is as good as none.
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].every((key) => equals((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]));
}
