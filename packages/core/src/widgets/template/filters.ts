/** The Jinja filters that make sense where the output is JSON, with the same results as in Jinja. */
import { maxItems, spend } from './budget.ts';
import { renderFailed } from './template-error.ts';
import {
  charactersOf,
  compare,
  defined,
  isDict,
  isEqual,
  isFloat,
  isTrue,
  iterate,
  lengthOf,
  numberOf,
  orUndefined,
  toJson,
  toNumber,
  toText,
  Undefined,
  type Value,
} from './value.ts';

/** The arguments of a filter or test, by position or by name. */
export type ArgumentReader = (at: number, name: string) => Value | undefined;

type Filter = (value: Value, arg: ArgumentReader, apply: Apply) => Value;
/** Applies a filter or a test by its name, for `map`, `select` and their like. */
export interface Apply {
  filter(name: string, value: Value, args: readonly Value[]): Value;
  test(name: string, value: Value, args: readonly Value[]): boolean;
  attribute(value: Value, path: Value): Value;
}

const number = (value: Value | undefined, what: string): number => {
  const known = value === undefined ? undefined : numberOf(defined(value));
  if (known === undefined) throw renderFailed(`${what} is not a number.`);
  return known;
};

/** A number of spaces, or of entries. */
const amount = (value: Value | undefined, what: string): number => {
  const asked = number(value, what);
  if (asked > maxItems) throw renderFailed(`${what} is more than ${maxItems}.`);
  return asked;
};

const textArg = (value: Value | undefined, fallback: string): string =>
  value === undefined ? fallback : toText(value);

/**
 * A number with this many decimal places. Python rounds exact ties to the even digit, `toFixed` rounds them up; 100
 * digits of `toFixed` show whether there is a tie.
 */
const toDigits = (value: number, digits: number): string => {
  if (Math.abs(value) >= 1e21) return String(value);
  const [whole = '', fraction = ''] = Math.abs(value).toFixed(100).split('.');
  const kept = whole + fraction.slice(0, digits);
  const tie = /^50*$/.test(fraction.slice(digits)) && Number(kept.at(-1)) % 2 === 0;
  if (!tie) return value.toFixed(digits);
  const text = digits === 0 ? kept : `${whole}.${fraction.slice(0, digits)}`;
  return value < 0 ? `-${text}` : text;
};

const roundTo = (value: number, digits: number): number => {
  if (digits >= 0) return Number(toDigits(value, Math.min(digits, 100)));
  const scale = 10 ** -digits;
  return Number(toDigits(value / scale, 0)) * scale;
};

const sorted = (value: Value, arg: ArgumentReader, apply: Apply, first: number): Value[] => {
  const reverse = isTrue(arg(first, 'reverse') ?? false);
  const sensitive = isTrue(arg(first + 1, 'case_sensitive') ?? false);
  const path = arg(first + 2, 'attribute');
  const key = keyOf(path, sensitive, apply);
  const order = reverse ? -1 : 1;
  return [...iterate(value)].sort((a, b) => order * compare(key(a), key(b)));
};

const keyOf =
  (path: Value | undefined, sensitive: boolean, apply: Apply) =>
  (entry: Value): Value => {
    const value = path === undefined || path === null ? entry : apply.attribute(entry, path);
    return typeof value === 'string' && !sensitive ? value.toLowerCase() : value;
  };

/** Keeps or drops the entries for which a test holds, either of the entry itself or of one attribute. */
const picked =
  (keep: boolean, byAttribute: boolean): Filter =>
  (value, arg, apply) => {
    const path = byAttribute ? arg(0, '') : undefined;
    const offset = byAttribute ? 1 : 0;
    const name = arg(offset, '');
    const args: Value[] = [];
    for (let at = offset + 1; arg(at, '') !== undefined; at++) args.push(arg(at, '') as Value);
    return iterate(value).filter((entry) => {
      const given = path === undefined ? entry : apply.attribute(entry, path);
      return keep === (name === undefined ? isTrue(given) : apply.test(toText(name), given, args));
    });
  };

const extreme =
  (sign: number): Filter =>
  (value, arg, apply) => {
    const key = keyOf(arg(1, 'attribute'), isTrue(arg(0, 'case_sensitive') ?? false), apply);
    const [first, ...rest] = iterate(value);
    if (first === undefined) return new Undefined('The least or greatest of an empty list');
    return rest.reduce((best, entry) => (sign * compare(key(entry), key(best)) < 0 ? entry : best), first);
  };

const titleCase = (text: string): string =>
  text.replace(
    /([^\s\-([{<]+)/g,
    (word) => charactersOf(word)[0]?.toUpperCase() + charactersOf(word).slice(1).join('').toLowerCase(),
  );

const capitalize = (text: string): string => {
  const [first = '', ...rest] = charactersOf(text);
  return first.toUpperCase() + rest.join('').toLowerCase();
};

const escapeHtml = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&#34;')
    .replaceAll("'", '&#39;');

/** `%s`, `%d`, `%.2f` and their like. */
const format = (template: string, args: readonly Value[]): string => {
  let at = 0;
  return template.replace(
    /%(?:%|(0?)(\d*)(?:\.(\d+))?([sdif]))/g,
    (whole, zero: string, width: string, digits: string, type: string) => {
      if (whole === '%%') return '%';
      const value = args[at++];
      if (value === undefined) throw renderFailed('"format" has fewer values than places for them.');
      const text =
        type === 's'
          ? toText(value)
          : type === 'f'
            ? toDigits(number(value, 'A value of "format"'), Math.min(Number(digits ?? 6), 100))
            : String(Math.trunc(number(value, 'A value of "format"')));
      return text.padStart(amount(Number(width), 'A width of "format"'), zero === '0' ? '0' : ' ');
    },
  );
};

/** A number in a text, as Python reads one: with `_` between digits, and in no other base. */
const numberForm = /^\s*[-+]?(?:\d+(?:_\d+)*(?:\.(?:\d+(?:_\d+)*)?)?|\.\d+(?:_\d+)*)(?:[eE][-+]?\d+(?:_\d+)*)?\s*$/;

const parsedNumber = (value: Value): number => {
  const given = numberOf(defined(value));
  if (given !== undefined) return given;
  return typeof value === 'string' && numberForm.test(value) ? Number(value.replaceAll('_', '')) : Number.NaN;
};

const toInt = (value: Value, arg: ArgumentReader): Value => {
  const parsed = parsedNumber(value);
  return Number.isFinite(parsed) ? Math.trunc(parsed) : (arg(0, 'default') ?? 0);
};

const toFloat = (value: Value, arg: ArgumentReader): Value => {
  const parsed = parsedNumber(value);
  return Number.isNaN(parsed) ? (arg(0, 'default') ?? toNumber(0, true)) : toNumber(parsed, true);
};

const withDefault: Filter = (value, arg) => {
  const useFalse = isTrue(arg(1, 'boolean') ?? false);
  const fallback = arg(0, 'default_value');
  if (!(value instanceof Undefined || (useFalse && !isTrue(value)))) return value;
  return fallback === undefined ? '' : fallback;
};

const length: Filter = (value) => lengthOf(value);

const table: Readonly<Record<string, Filter>> = {
  abs: (value) => toNumber(Math.abs(number(value, 'What "abs" is applied to')), isFloat(value)),
  batch: (value, arg) => {
    const size = amount(arg(0, 'linecount'), 'The size of a batch');
    const fill = arg(1, 'fill_with');
    const rows: Value[] = [];
    const items = iterate(value);
    for (let at = 0; at < items.length; at += Math.max(size, 1)) {
      const row = items.slice(at, at + size);
      spend(size);
      while (fill !== undefined && fill !== null && row.length < size) row.push(fill);
      rows.push(row);
    }
    return rows;
  },
  capitalize: (value) => capitalize(toText(value)),
  count: length,
  d: withDefault,
  default: withDefault,
  dictsort: (value, arg) => {
    const by = textArg(arg(1, 'by'), 'key') === 'value' ? 1 : 0;
    const key = (entry: Value[]): Value => {
      const part = entry[by] as Value;
      return typeof part === 'string' && !isTrue(arg(0, 'case_sensitive') ?? false) ? part.toLowerCase() : part;
    };
    const order = isTrue(arg(2, 'reverse') ?? false) ? -1 : 1;
    return pairsOf(value).sort((a, b) => order * compare(key(a), key(b)));
  },
  e: (value) => escapeHtml(toText(value)),
  escape: (value) => escapeHtml(toText(value)),
  first: (value) => orUndefined(iterate(value)[0], 'The first of an empty list'),
  float: toFloat,
  format: (value, arg) => {
    const args: Value[] = [];
    for (let at = 0; arg(at, '') !== undefined; at++) args.push(arg(at, '') as Value);
    return format(toText(value), args);
  },
  indent: (value, arg) => {
    const width = arg(0, 'width') ?? 4;
    const pad = typeof width === 'string' ? width : ' '.repeat(amount(width, 'The width of "indent"'));
    const [head = '', ...lines] = toText(value).split('\n');
    const blank = isTrue(arg(2, 'blank') ?? false);
    const rest = lines.map((line) => (line === '' && !blank ? line : pad + line));
    return [isTrue(arg(1, 'first') ?? false) ? pad + head : head, ...rest].join('\n');
  },
  int: toInt,
  items: (value) => (value instanceof Undefined ? [] : pairsOf(value)),
  join: (value, arg, apply) => {
    const path = arg(1, 'attribute');
    return iterate(value)
      .map((entry) => toText(path === undefined || path === null ? entry : apply.attribute(entry, path)))
      .join(textArg(arg(0, 'd'), ''));
  },
  last: (value) => orUndefined(iterate(value).at(-1), 'The last of an empty list'),
  length,
  list: (value) => [...iterate(value)],
  lower: (value) => toText(value).toLowerCase(),
  map: (value, arg, apply) => {
    const path = arg(-1, 'attribute');
    const fallback = arg(-1, 'default');
    if (path !== undefined) {
      return iterate(value).map((entry) => {
        const found = apply.attribute(entry, path);
        return found instanceof Undefined && fallback !== undefined ? fallback : found;
      });
    }
    const args: Value[] = [];
    for (let at = 1; arg(at, '') !== undefined; at++) args.push(arg(at, '') as Value);
    return iterate(value).map((entry) => apply.filter(textArg(arg(0, ''), ''), entry, args));
  },
  max: extreme(-1),
  min: extreme(1),
  reject: picked(false, false),
  rejectattr: picked(false, true),
  replace: (value, arg) => {
    const [text, old, fresh] = [toText(value), textArg(arg(0, 'old'), ''), textArg(arg(1, 'new'), '')];
    const count = arg(2, 'count');
    if (count === undefined || count === null) return text.replaceAll(old, () => fresh);
    let left = number(count, 'The count of "replace"');
    return text.replaceAll(old, (found) => (left-- > 0 ? fresh : found));
  },
  reverse: (value) => {
    const reversed = [...iterate(value)].reverse();
    return typeof value === 'string' ? reversed.join('') : reversed;
  },
  round: (value, arg) => {
    const digits = number(arg(0, 'precision') ?? 0, 'The precision of "round"');
    const given = number(value, 'What "round" is applied to');
    const method = textArg(arg(1, 'method'), 'common');
    const scale = 10 ** digits;
    if (method === 'ceil') return toNumber(Math.ceil(given * scale) / scale, true);
    if (method === 'floor') return toNumber(Math.floor(given * scale) / scale, true);
    return toNumber(roundTo(given, digits), isFloat(value));
  },
  safe: (value) => toText(value),
  select: picked(true, false),
  selectattr: picked(true, true),
  sort: (value, arg, apply) => sorted(value, arg, apply, 0),
  string: (value) => toText(value),
  sum: (value, arg, apply) => {
    const path = arg(0, 'attribute');
    const start = arg(1, 'start') ?? 0;
    const parts = iterate(value).map((entry) =>
      path === undefined || path === null ? entry : apply.attribute(entry, path),
    );
    const total = parts.reduce<number>((sum, part) => sum + number(part, 'A part of a sum'), number(start, 'A sum'));
    return toNumber(total, parts.some(isFloat) || isFloat(start));
  },
  title: (value) => titleCase(toText(value)),
  tojson: (value, arg) => {
    const indent = arg(0, 'indent');
    return toJson(
      value,
      indent === undefined || indent === null ? undefined : amount(indent, 'The indent of "tojson"'),
    );
  },
  trim: (value, arg) => {
    const chars = arg(0, 'chars');
    if (chars === undefined || chars === null) return toText(value).trim();
    const set = new Set(charactersOf(toText(chars)));
    const letters = charactersOf(toText(value));
    while (letters.length > 0 && set.has(letters[0] as string)) letters.shift();
    while (letters.length > 0 && set.has(letters.at(-1) as string)) letters.pop();
    return letters.join('');
  },
  truncate: (value, arg) => {
    const text = charactersOf(toText(value));
    const size = number(arg(0, 'length') ?? 255, 'The length of "truncate"');
    const end = textArg(arg(2, 'end'), '...');
    const leeway = number(arg(3, 'leeway') ?? 5, 'The leeway of "truncate"');
    if (text.length <= size + leeway) return text.join('');
    const cut = text.slice(0, size - end.length).join('');
    if (isTrue(arg(1, 'killwords') ?? false)) return cut + end;
    const space = cut.lastIndexOf(' ');
    return (space < 0 ? cut : cut.slice(0, space)) + end;
  },
  unique: (value, arg, apply) => {
    const key = keyOf(arg(1, 'attribute'), isTrue(arg(0, 'case_sensitive') ?? false), apply);
    const kept: Value[] = [];
    for (const entry of iterate(value)) {
      if (!kept.some((other) => isEqual(key(other), key(entry)))) kept.push(entry);
    }
    return kept;
  },
  upper: (value) => toText(value).toUpperCase(),
  wordcount: (value) => toText(value).match(/\w+/g)?.length ?? 0,
};

/** The entries of a dictionary as pairs. */
export const pairsOf = (given: Value): [string, Value][] => {
  const value = defined(given);
  if (!isDict(value)) throw renderFailed('Only a dictionary has items.');
  const pairs = Object.entries(value);
  spend(pairs.length);
  return pairs;
};

/** The filters, by name. */
export const filters: ReadonlyMap<string, Filter> = new Map(Object.entries(table));
