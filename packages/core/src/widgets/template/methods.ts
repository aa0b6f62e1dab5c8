/**
 * The methods that a template may call on strings, lists and dictionaries, and the global functions. As in Jinja, with
 * a dot a method takes precedence over an entry of the same name: `data.items` is the method.
 */
import { maxItems, spend } from './budget.ts';
import { pairsOf } from './filters.ts';
import { renderFailed } from './template-error.ts';
import {
  type Callable,
  charactersOf,
  type Dict,
  defined,
  isDict,
  isEqual,
  iterate,
  Namespace,
  numberOf,
  toText,
  Undefined,
  type Value,
} from './value.ts';

type Method<T> = (self: T, args: readonly Value[]) => Value;

const text = (args: readonly Value[], at: number): string => toText(args[at] ?? new Undefined('An argument'));
const count = (value: Value | undefined, fallback: number): number =>
  value === undefined ? fallback : (numberOf(defined(value)) ?? fallback);

const strip = (value: string, chars: Value | undefined, start: boolean, end: boolean): string => {
  const set = chars === undefined || chars === null ? undefined : new Set(charactersOf(toText(chars)));
  const drops = (letter: string | undefined): boolean =>
    letter !== undefined && (set === undefined ? /\s/.test(letter) : set.has(letter));
  const letters = charactersOf(value);
  let [from, to] = [0, letters.length];
  while (start && from < to && drops(letters[from])) from += 1;
  while (end && to > from && drops(letters[to - 1])) to -= 1;
  return letters.slice(from, to).join('');
};

// biome-ignore lint/suspicious/noControlCharactersInRegex: what ends a line in Python.
const lineBreak = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/;
const lineEnd = new RegExp(`(?:${lineBreak.source})$`);

const split = (value: string, separator: Value | undefined, most: number): string[] => {
  if (separator === undefined || separator === null) {
    const words: string[] = [];
    let rest = value.trimStart();
    while (rest !== '' && words.length !== most) {
      const [whole, word] = /^(\S+)\s*/.exec(rest) as unknown as [string, string];
      words.push(word);
      rest = rest.slice(whole.length);
    }
    return rest === '' ? words : [...words, rest];
  }
  const mark = toText(separator);
  const parts = value.split(mark);
  return most < 0 || parts.length <= most + 1 ? parts : [...parts.slice(0, most), parts.slice(most).join(mark)];
};

const ofText: Readonly<Record<string, Method<string>>> = {
  capitalize: (self) =>
    charactersOf(self)[0]?.toUpperCase().concat(charactersOf(self).slice(1).join('').toLowerCase()) ?? '',
  count: (self, args) => self.split(text(args, 0)).length - 1,
  endswith: (self, args) => self.endsWith(text(args, 0)),
  find: (self, args) =>
    charactersOf(self.slice(0, Math.max(self.indexOf(text(args, 0)), 0))).length -
    (self.includes(text(args, 0)) ? 0 : 1),
  isdigit: (self) => /^\p{Nd}+$/u.test(self),
  join: (self, args) =>
    iterate(args[0] ?? new Undefined('An argument'))
      .map(toText)
      .join(self),
  lower: (self) => self.toLowerCase(),
  lstrip: (self, args) => strip(self, args[0], true, false),
  replace: (self, args) => {
    let left = count(args[2], Number.POSITIVE_INFINITY);
    return self.replaceAll(text(args, 0), (found) => (left-- > 0 ? text(args, 1) : found));
  },
  rstrip: (self, args) => strip(self, args[0], false, true),
  split: (self, args) => split(self, args[0], count(args[1], -1)),
  splitlines: (self) => (self === '' ? [] : self.replace(lineEnd, '').split(lineBreak)),
  startswith: (self, args) => self.startsWith(text(args, 0)),
  strip: (self, args) => strip(self, args[0], true, true),
  title: (self) => self.replace(/\p{L}+/gu, (word) => (word[0] ?? '').toUpperCase() + word.slice(1).toLowerCase()),
  upper: (self) => self.toUpperCase(),
};

const assertRoom = (list: readonly Value[], more: number): void => {
  if (list.length + more > maxItems) throw renderFailed(`A list grew beyond ${maxItems} items.`);
};

/** A list whose entries change their places, which costs less for each than to go through it. */
const moved = (list: Value[]): Value[] => {
  spend(list.length / 16);
  return list;
};

const ofList: Readonly<Record<string, Method<Value[]>>> = {
  append: (self, args) => {
    assertRoom(self, 1);
    self.push(args[0] ?? null);
    return null;
  },
  copy: (self) => [...iterate(self)],
  count: (self, args) => self.filter((entry) => isEqual(entry, args[0] ?? null)).length,
  extend: (self, args) => {
    const more = [...iterate(args[0] ?? new Undefined('An argument'))];
    assertRoom(self, more.length);
    self.push(...more);
    return null;
  },
  index: (self, args) => {
    const at = self.findIndex((entry) => isEqual(entry, args[0] ?? null));
    if (at < 0) throw renderFailed('A list does not have what "index" looks for.');
    return at;
  },
  insert: (self, args) => {
    assertRoom(self, 1);
    moved(self).splice(count(args[0], 0), 0, args[1] ?? null);
    return null;
  },
  pop: (self, args) => {
    if (self.length === 0) throw renderFailed('An empty list has nothing to "pop".');
    return moved(self).splice(count(args[0], -1), 1)[0] as Value;
  },
  reverse: (self) => {
    moved(self).reverse();
    return null;
  },
};

const ofDict: Readonly<Record<string, Method<Dict>>> = {
  copy: (self) => Object.fromEntries(pairsOf(self)),
  get: (self, args) => {
    const key = text(args, 0);
    return Object.hasOwn(self, key) ? (self[key] as Value) : (args[1] ?? null);
  },
  items: (self) => pairsOf(self),
  keys: (self) => [...iterate(self)],
  pop: (self, args) => {
    const key = text(args, 0);
    const value = Object.hasOwn(self, key) ? (self[key] as Value) : args[1];
    if (value === undefined) throw renderFailed(`A dictionary has no "${key}" to "pop".`);
    delete self[key];
    return value;
  },
  setdefault: (self, args) => {
    const key = text(args, 0);
    if (!Object.hasOwn(self, key)) setEntry(self, key, args[1] ?? null);
    return self[key] as Value;
  },
  update: (self, args) => {
    for (const [key, value] of pairsOf(args[0] ?? new Undefined('An argument'))) setEntry(self, key, value);
    return null;
  },
  values: (self) => pairsOf(self).map(([, value]) => value),
};

/** Uses `defineProperty` and not assignment, so that a key `__proto__` stays a key. */
export const setEntry = (dict: Dict, key: string, value: Value): void => {
  Object.defineProperty(dict, key, { value, enumerable: true, configurable: true, writable: true });
};

const bind = <T extends Value>(
  table: Readonly<Record<string, Method<T>>>,
  self: T,
  name: string,
): Callable | undefined => {
  const method = Object.hasOwn(table, name) ? table[name] : undefined;
  return method === undefined ? undefined : (positional) => method(self, positional);
};

/** The value's method of this name, if there is one. */
export const methodOf = (value: Value, name: string): Callable | undefined => {
  if (typeof value === 'string') return bind(ofText, value, name);
  if (Array.isArray(value)) return bind(ofList, value, name);
  return isDict(value) ? bind(ofDict, value, name) : undefined;
};

/** The global functions of every template. */
export const globals: Readonly<Record<string, Callable>> = {
  dict: (positional, named) => ({
    ...(positional[0] === undefined ? {} : Object.fromEntries(pairsOf(positional[0]))),
    ...named,
  }),
  namespace: (positional, named) =>
    new Namespace({ ...(positional[0] === undefined ? {} : Object.fromEntries(pairsOf(positional[0]))), ...named }),
  range: (positional) => {
    const [a, b, c] = positional.map((value) => count(value, Number.NaN));
    const [from, to, step] = b === undefined ? [0, a as number, 1] : [a as number, b, c ?? 1];
    const size = Math.max(0, Math.ceil((to - from) / step));
    if (!(size <= maxItems)) throw renderFailed(`A range must have at most ${maxItems} numbers.`);
    spend(size);
    return Array.from({ length: size }, (_, at) => from + at * step);
  },
};
