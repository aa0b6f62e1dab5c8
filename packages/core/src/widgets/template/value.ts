/**
 * The values of templates, with Python's semantics of truth, printing, comparing, indexing and counting. Whole JSON
 * numbers are integers; `Float` marks a whole number that Python would print with `.0`.
 */
import { spend } from './budget.ts';
import { renderFailed } from './template-error.ts';

/** A whole number that resulted from a division, from rounding, or from a literal with a decimal point. */
export class Float {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/**
 * The value of a name, attribute or item that does not exist. Everything except `is defined` and `default` rejects it.
 */
export class Undefined {
  readonly what: string;
  constructor(what: string) {
    this.what = what;
  }
}

/** Attributes that a template may set: `namespace(total=0)`. */
export class Namespace {
  readonly fields: Record<string, Value>;
  constructor(fields: Record<string, Value>) {
    this.fields = fields;
  }
}

/** A function that a template may call. */
export type Callable = (positional: readonly Value[], named: Readonly<Record<string, Value>>) => Value;
export type Dict = { [key: string]: Value };
export type Value = string | number | boolean | null | Float | Undefined | Namespace | Callable | Value[] | Dict;

/** Throws for an undefined value. */
export const defined = (value: Value): Exclude<Value, Undefined> => {
  if (value instanceof Undefined) throw renderFailed(`${value.what} is undefined.`);
  return value;
};

/** The value, or a fallback for an undefined one. (`null` is a value.) */
export const orUndefined = (value: Value | undefined, what: string): Value =>
  value === undefined ? new Undefined(what) : value;

export const isDict = (value: Value): value is Dict =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;

/** The number of a value; in Python, `true` is 1. */
export const numberOf = (value: Value): number | undefined =>
  typeof value === 'number'
    ? value
    : value instanceof Float
      ? value.value
      : typeof value === 'boolean'
        ? Number(value)
        : undefined;

export const isFloat = (value: Value): boolean =>
  value instanceof Float || (typeof value === 'number' && !Number.isInteger(value));

/** Makes a number the result of an operation. */
export const toNumber = (value: number, float: boolean): Value =>
  float && Number.isInteger(value) ? new Float(value) : value;

export const isTrue = (given: Value): boolean => {
  const value = defined(given);
  const number = numberOf(value);
  if (number !== undefined) return number !== 0;
  if (Array.isArray(value)) return value.length > 0;
  return isDict(value) ? Object.keys(value).length > 0 : Boolean(value);
};

/** A value as Python's `str()` prints it. */
export const toText = (given: Value): string => {
  const value = defined(given);
  return typeof value === 'string' ? value : toLiteral(value);
};

/** A value as Python's `repr()` prints it. */
const toLiteral = (given: Value): string => {
  spend(1);
  const value = defined(given);
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'string') return quote(value);
  const number = numberOf(value);
  if (number !== undefined) return numeral(value);
  if (Array.isArray(value)) return `[${value.map(toLiteral).join(', ')}]`;
  if (isDict(value)) {
    return `{${Object.entries(value)
      .map(([key, entry]) => `${quote(key)}: ${toLiteral(entry)}`)
      .join(', ')}}`;
  }
  throw renderFailed('A function or a namespace cannot be written.');
};

const quote = (text: string): string => {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text
    .replaceAll('\\', '\\\\')
    .replaceAll(mark, `\\${mark}`)
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replaceAll('\t', '\\t');
  return `${mark}${escaped}${mark}`;
};

/** A number as Python prints it: exponents have two digits, a whole float has `.0`. */
const numeral = (value: Value): string => {
  const number = numberOf(value) as number;
  const size = Math.abs(number);
  if (isFloat(value) && size !== 0 && (size < 1e-4 || size >= 1e16)) {
    return number.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
  }
  return value instanceof Float ? `${number}.0` : String(number);
};

/** Characters as Python counts them: code points. */
export const charactersOf = (text: string): string[] => Array.from(text);

/** The values that a loop iterates over. */
export const iterate = (given: Value): readonly Value[] => {
  const entries = entriesOf(given);
  spend(entries.length);
  return entries;
};

const entriesOf = (given: Value): readonly Value[] => {
  const value = defined(given);
  if (Array.isArray(value)) return value;
  if (typeof value === 'string') return charactersOf(value);
  if (isDict(value)) return Object.keys(value);
  throw renderFailed(`${typeName(value)} is nothing to loop over.`);
};

export const lengthOf = (value: Value): number => entriesOf(value).length;

export const typeName = (value: Value): string => {
  if (value === null) return 'none';
  if (typeof value === 'boolean' || typeof value === 'string') return `a ${typeof value}`;
  if (numberOf(value) !== undefined) return 'a number';
  return Array.isArray(value) ? 'a list' : isDict(value) ? 'a dictionary' : 'an object';
};

export const isEqual = (a: Value, b: Value): boolean => {
  spend(1);
  const left = defined(a);
  const right = defined(b);
  const number = numberOf(left);
  if (number !== undefined) return number === numberOf(right);
  if (Array.isArray(left) && Array.isArray(right)) {
    return left.length === right.length && left.every((entry, at) => isEqual(entry, right[at] as Value));
  }
  if (isDict(left) && isDict(right)) {
    const keys = Object.keys(left);
    return (
      keys.length === Object.keys(right).length &&
      keys.every((key) => Object.hasOwn(right, key) && isEqual(left[key] as Value, right[key] as Value))
    );
  }
  return left === right;
};

/** Negative if `a` comes before `b`. Numbers, strings and lists can each be ordered among themselves. */
export const compare = (a: Value, b: Value): number => {
  spend(1);
  const left = defined(a);
  const right = defined(b);
  const [m, n] = [numberOf(left), numberOf(right)];
  if (m !== undefined && n !== undefined) return m - n;
  if (typeof left === 'string' && typeof right === 'string') return compareText(left, right);
  if (Array.isArray(left) && Array.isArray(right)) {
    for (const [at, entry] of left.entries()) {
      if (at >= right.length) return 1;
      if (!isEqual(entry, right[at] as Value)) return compare(entry, right[at] as Value);
    }
    return left.length - right.length;
  }
  throw renderFailed(`${typeName(left)} and ${typeName(right)} cannot be ordered.`);
};

/** By code points, as in Python; JavaScript compares UTF-16 code units. */
const compareText = (a: string, b: string): number => {
  const left = charactersOf(a);
  const right = charactersOf(b);
  for (const [at, character] of left.entries()) {
    const other = right[at];
    if (other === undefined) return 1;
    if (character !== other) return (character.codePointAt(0) as number) - (other.codePointAt(0) as number);
  }
  return left.length - right.length;
};

export const contains = (container: Value, given: Value): boolean => {
  const value = defined(given);
  const inside = defined(container);
  if (typeof inside === 'string') {
    if (typeof value !== 'string') throw renderFailed(`"in" needs a text on its left, not ${typeName(value)}.`);
    return inside.includes(value);
  }
  if (isDict(inside)) return typeof value === 'string' && Object.hasOwn(inside, value);
  return iterate(inside).some((entry) => isEqual(entry, value));
};

/** `value[from:to:step]`. */
export const slice = (given: Value, bounds: readonly Value[]): Value => {
  const value = defined(given);
  const items = typeof value === 'string' ? charactersOf(value) : value;
  if (!Array.isArray(items)) throw renderFailed(`${typeName(value)} cannot be sliced.`);
  const [from, to, step = 1] = bounds.map((bound) => (bound === null ? undefined : numberOf(defined(bound))));
  if (step === 0) throw renderFailed('The step of a slice is 0.');
  if (![from, to, step].every((bound) => bound === undefined || Number.isInteger(bound)))
    throw renderFailed('The bounds of a slice must be whole numbers.');
  spend(items.length);
  const size = items.length;
  const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
  const clamp = (bound: number | undefined, fallback: number): number =>
    bound === undefined ? fallback : Math.min(Math.max(bound < 0 ? bound + size : bound, low), high);
  const start = clamp(from, step > 0 ? low : high);
  const end = clamp(to, step > 0 ? high : low);
  const picked: Value[] = [];
  for (let at = start; step > 0 ? at < end : at > end; at += step) picked.push(items[at] as Value);
  return typeof value === 'string' ? picked.join('') : picked;
};

/** JSON as `tojson` writes it: keys sorted, ASCII only, nothing that HTML could mistake for a tag. */
export const toJson = (value: Value, indent?: number): string =>
  writeJson(value, indent === undefined ? undefined : ' '.repeat(indent), '\n').replace(
    /[<>&'\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

const writeJson = (given: Value, indent: string | undefined, newline: string): string => {
  spend(1);
  const value = defined(given);
  const inner = `${newline}${indent}`;
  const join = (entries: string[], open: string, close: string): string => {
    if (entries.length === 0) return open + close;
    return indent === undefined
      ? `${open}${entries.join(', ')}${close}`
      : `${open}${inner}${entries.join(`,${inner}`)}${newline}${close}`;
  };
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (numberOf(value) !== undefined) return numeral(value);
  if (Array.isArray(value))
    return join(
      value.map((entry) => writeJson(entry, indent, inner)),
      '[',
      ']',
    );
  if (!isDict(value)) throw renderFailed('A function or a namespace is no JSON.');
  const keys = Object.keys(value).sort(compareText);
  return join(
    keys.map((key) => `${JSON.stringify(key)}: ${writeJson(value[key] as Value, indent, inner)}`),
    '{',
    '}',
  );
};
