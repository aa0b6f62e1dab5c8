/**
 * A fast deep copy of JSON values, for objects that an application has handed over and may go on changing.
 * `structuredClone` serializes its argument and parses it again, at ten times the cost of a walk. The walk also finds
 * out two things for which an event would otherwise have to be serialized: that it has a JSON form, and how long that
 * is at most.
 */

/** A copy that shares no mutable object with the original. */
export interface OwnJson<T> {
  readonly value: T;
  /** An upper bound for the size of its JSON. */
  readonly maxBytes: number;
}

/** Bounds for the walk: a value beyond them may be circular, or contain one object in a great many places. */
const maxDepth = 64;
const maxValues = 10_000;

/**
 * Copies JSON: plain objects, arrays without holes, strings, numbers, booleans, `null`, and `undefined`, which
 * `structuredClone` keeps too. Returns `undefined` for anything else (a date, a function, an object with a `toJSON`),
 * which is copied by way of its JSON text, or refused. Symbol keys and non-index properties of arrays are left out.
 *
 * @example
 * const copy = ownJson(event)?.value ?? JSON.parse(JSON.stringify(event));
 */
export const ownJson = <T>(value: T): OwnJson<T> | undefined => {
  const walk: Walk = { left: maxValues, bytes: 0 };
  const copy = copyOf(value, walk, maxDepth);
  return copy === notJson ? undefined : { value: copy as T, maxBytes: walk.bytes };
};

interface Walk {
  /** How many more values may be visited. */
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
    // No number is longer in JSON, nor is `null`, which `undefined` in an array becomes.
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
    // Assigning it would set the prototype instead of a key.
    if (key === '__proto__') return notJson;
    const copy = copyOf((object as Record<string, unknown>)[key], walk, depth);
    if (copy === notJson) return notJson;
    walk.bytes += bytesOf(key) + 2;
    copies[key] = copy;
  }
  return copies;
};

/** No UTF-16 unit takes more than six bytes, the length of an escape. */
const bytesOf = (text: string): number => text.length * 6 + 2;
