/**
 * A copy of what an application has given away and may go on changing. `structuredClone` writes its argument into bytes
 * and reads those again, ten times the cost of a walk, and for an event the walk finds two things more: that it has a
 * JSON form, and how long that is at most, for which it would otherwise be serialized.
 */

/** A copy that shares nothing that can change. */
export interface OwnJson<T> {
  readonly value: T;
  /** The most bytes that its JSON has. */
  readonly maxBytes: number;
}

/** How deep and how large what is walked may be: beyond that it may be a circle, or one object in very many places. */
const maxDepth = 64;
const maxValues = 10_000;

/**
 * Copies JSON: plain objects, arrays without holes, strings, numbers, booleans, `null`, and `undefined`, which
 * `structuredClone` keeps too. `undefined` for anything else, which `structuredClone` copies or refuses: a date, a
 * function, an object with a `toJSON`. Symbol keys and what an array has besides its elements are left out.
 *
 * @example
 * const copy = ownJson(event)?.value ?? structuredClone(event);
 */
export const ownJson = <T>(value: T): OwnJson<T> | undefined => {
  const walk: Walk = { left: maxValues, bytes: 0 };
  const copy = copyOf(value, walk, maxDepth);
  return copy === notJson ? undefined : { value: copy as T, maxBytes: walk.bytes };
};

interface Walk {
  /** How many values may still come. */
  left: number;
  bytes: number;
}

const notJson = Symbol('not JSON');

const copyOf = (value: unknown, walk: Walk, depth: number): unknown => {
  if (typeof value === 'string') {
    walk.bytes += bytesOf(value);
    return value;
  }
  if (typeof value !== 'object' || value === null) {
    // No number is longer; that of `undefined` in an array is `null`.
    walk.bytes += 25;
    return typeof value === 'number' || typeof value === 'boolean' || value === null || value === undefined
      ? value
      : notJson;
  }
  walk.left -= 1;
  if (depth === 0 || walk.left < 0) return notJson;
  return Array.isArray(value) ? copyOfArray(value, walk, depth - 1) : copyOfObject(value, walk, depth - 1);
};

const copyOfArray = (array: readonly unknown[], walk: Walk, depth: number): unknown => {
  const copies: unknown[] = [];
  walk.bytes += 2 + array.length;
  walk.left -= array.length;
  if (walk.left < 0) return notJson;
  for (let at = 0; at < array.length; at += 1) {
    const value = array[at];
    const copy = value === undefined && !(at in array) ? notJson : copyOf(value, walk, depth);
    if (copy === notJson) return notJson;
    copies.push(copy);
  }
  return copies;
};

const copyOfObject = (object: object, walk: Walk, depth: number): unknown => {
  const prototype = Object.getPrototypeOf(object);
  if (prototype !== Object.prototype && prototype !== null) return notJson;
  const copies: Record<string, unknown> = {};
  walk.bytes += 2;
  for (const key of Object.keys(object)) {
    // To write it would change the prototype, not the object.
    if (key === '__proto__') return notJson;
    const copy = copyOf((object as Record<string, unknown>)[key], walk, depth);
    if (copy === notJson) return notJson;
    walk.bytes += bytesOf(key) + 2;
    copies[key] = copy;
  }
  return copies;
};

/** No UTF-16 unit takes more than six, which is what an escape has. */
const bytesOf = (text: string): number => text.length * 6 + 2;
