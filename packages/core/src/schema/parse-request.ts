/**
 * Parses and validates the body of a request: text in, a typed request or one error out, never a throw. Three checks,
 * cheapest first: the nesting depth of the text (without building anything); whether it is JSON that can be stored and
 * passed on (no NUL, no lone surrogates, no `__proto__` keys, finite numbers); and whether it is one of the requests.
 * The error names the path of the first offending field.
 */
import type * as z from 'zod';
import type { ChatKitRequest } from '../request.ts';
import { chatKitRequestSchema } from './request.ts';

/** Limits of `parseRequest`. */
export interface ParseRequestOptions {
  /**
   * How deeply arrays and objects may be nested. Default 100. `@chatkit/server` passes 64 unless told otherwise: up
   * to there it copies what it sends without serializing it first.
   */
  maxDepth?: number | undefined;
}

/** A request, or the error. */
export type ParsedRequest =
  | { readonly ok: true; readonly request: ChatKitRequest }
  | {
      readonly ok: false;
      readonly code: 'request.invalid_json' | 'request.too_deep' | 'request.unknown_type' | 'request.invalid';
      /** The offending field, for example `params.input.content[0].text`; empty for the body itself. */
      readonly path: string;
      /** One sentence, with the path in it, safe to send. It never repeats a value. */
      readonly message: string;
    };

type Failure = Extract<ParsedRequest, { ok: false }>;
type Path = readonly PropertyKey[];

const schemas = new Map<string, z.ZodType<ChatKitRequest>>(
  chatKitRequestSchema.options.map((schema) => [schema.shape.type.value, schema as z.ZodType<ChatKitRequest>]),
);

/**
 * Parses the body of a request. Unknown keys are dropped, defaults are filled in. Limit the size of `text` before
 * calling this.
 *
 * @example
 * const parsed = parseRequest(await request.text());
 * if (!parsed.ok) return problem(400, parsed.code, parsed.message);
 */
export const parseRequest = (text: string, { maxDepth = 100 }: ParseRequestOptions = {}): ParsedRequest => {
  if (isDeeperThan(text, maxDepth)) {
    return failure('request.too_deep', [], `is nested more than ${maxDepth} levels deep`);
  }
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return failure('request.invalid_json', [], 'is not valid JSON');
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return failure('request.invalid', [], 'must be a JSON object');
  }
  const problem = mayBeUnstorable(text) ? findUnstorable(body) : undefined;
  if (problem !== undefined) return failure('request.invalid', problem.path, problem.message);
  const long = text.length > maxEntries ? findLongList(body) : undefined;
  if (long !== undefined) return failure('request.invalid', long.path, long.message);
  const { type } = body as { type?: unknown };
  if (type === undefined) {
    return failure(
      'request.invalid',
      ['type'],
      'is missing: a request is {type, params}, its type for example threads.create',
    );
  }
  if (typeof type !== 'string') return failure('request.invalid', ['type'], 'must be a string');
  const schema = schemas.get(type);
  if (schema === undefined)
    return failure('request.unknown_type', ['type'], 'names no request that is known here, such as threads.create');
  const result = schema.safeParse(body);
  if (result.success) return { ok: true, request: result.data };
  const { path, message } = innermost(result.error.issues[0] as z.core.$ZodIssue);
  return failure('request.invalid', path, message);
};

const failure = (code: Failure['code'], path: Path, message: string): Failure => {
  const formatted = formatPath(path);
  return { ok: false, code, path: formatted, message: `${formatted === '' ? 'The body' : formatted} ${message}.` };
};

const formatPath = (path: Path): string =>
  path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    const name = String(key);
    if (!/^[A-Za-z_$][\w$]{0,63}$/.test(name)) return `${text}[${JSON.stringify(name.slice(0, 64))}]`;
    return text === '' ? name : `${text}.${name}`;
  }, '');

/** Counts brackets outside strings, so that no parser recurses into input that will be refused. */
const isDeeperThan = (text: string, maxDepth: number): boolean => {
  let depth = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (quoted) {
      if (unit === 0x5c) i += 1;
      else if (unit === 0x22) quoted = false;
    } else if (unit === 0x22) quoted = true;
    else if (unit === 0x7b || unit === 0x5b) {
      depth += 1;
      if (depth > maxDepth) return true;
    } else if (unit === 0x7d || unit === 0x5d) depth -= 1;
  }
  return false;
};

interface Problem {
  readonly path: Path;
  readonly message: string;
}

const loneSurrogate = /\p{Surrogate}/u;

/**
 * Whether JSON text may contain what `findUnstorable` looks for. This scan of the text saves most requests the walk:
 * NUL and lone surrogates occur as escapes or literally, and a number can only overflow with an exponent or 309 digits.
 */
const mayBeUnstorable = (text: string): boolean => suspicious.test(text) || loneSurrogate.test(text);

// The `\b` has digits counted once, and not from each of them on.
const suspicious = /\\u|__proto__|\d[eE]|\b\d{309}/;

/** Finds what JSON allows but later steps do not: databases refuse NUL, and UTF-8 has no lone surrogates. */
const findUnstorable = (value: unknown): Problem | undefined => {
  if (typeof value === 'string') {
    if (value.includes('\0')) return { path: [], message: 'contains a NUL character' };
    return loneSurrogate.test(value) ? { path: [], message: 'contains half of a surrogate pair' } : undefined;
  }
  if (typeof value === 'number') {
    return Number.isFinite(value) ? undefined : { path: [], message: 'is a number that is too large' };
  }
  if (typeof value !== 'object' || value === null) return undefined;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const problem = findUnstorable(value[i]);
      if (problem !== undefined) return below(i, problem);
    }
    return undefined;
  }
  for (const [key, entry] of Object.entries(value)) {
    const problem = findUnstorableKey(key) ?? findUnstorable(entry);
    if (problem !== undefined) return below(key, problem);
  }
  return undefined;
};

const findUnstorableKey = (key: string): Problem | undefined => {
  if (key === '__proto__') return { path: [], message: 'is a key that is not allowed' };
  const malformed = key.includes('\0') || loneSurrogate.test(key);
  return malformed ? { path: [], message: 'is a key that is not well-formed text' } : undefined;
};

const below = (key: PropertyKey, { path, message }: Problem): Problem => ({ path: [key, ...path], message });

/**
 * The lists whose entries are validated one by one. Every invalid entry becomes a zod issue, and a body of 1 MiB can
 * hold 300,000 of them: ten seconds in which no other request is answered. So the entries are counted first.
 */
const lists: readonly (readonly string[])[] = [
  ['params', 'item_ids'],
  ['params', 'input', 'content'],
  ['params', 'input', 'attachments'],
  ['params', 'input', 'answers'],
];
const maxEntries = 1_000;

const findLongList = (body: object): Problem | undefined => {
  for (const path of lists) {
    const list = path.reduce<unknown>((value, key) => (isObject(value) ? value[key] : undefined), body);
    // One level further in: the values of an answer.
    if (isObject(list) && Object.values(list).reduce<number>((count, entry) => count + sizeOf(entry), 0) > maxEntries) {
      return { path, message: `is too long, the most is ${maxEntries} entries` };
    }
  }
  return undefined;
};

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** The number of entries, including those of lists inside an entry. */
const sizeOf = (entry: unknown): number => {
  const values = isObject(entry) ? entry['values'] : undefined;
  return Array.isArray(values) ? 1 + values.length : 1;
};

/** For a union, zod reports every branch; the first issue of the first branch describes the most likely one. */
const innermost = (issue: z.core.$ZodIssue): Problem => {
  const inner = issue.code === 'invalid_union' ? issue.errors[0]?.[0] : undefined;
  if (inner === undefined) return { path: issue.path, message: describe(issue) };
  const { path, message } = innermost(inner);
  return { path: [...issue.path, ...path], message };
};

const describe = (issue: z.core.$ZodIssue): string => {
  switch (issue.code) {
    case 'invalid_type':
      // zod keeps the input out of its issues, but their text says if it was missing.
      return issue.message.endsWith('undefined')
        ? 'is missing'
        : `must be of type ${issue.expected === 'record' ? 'object' : issue.expected}`;
    case 'too_small':
      return `is too ${issue.origin === 'string' ? 'short' : 'small'}, the least is ${issue.minimum}`;
    case 'too_big':
      return `is too ${issue.origin === 'string' ? 'long' : 'large'}, the most is ${issue.maximum}`;
    case 'invalid_value':
      return `must be ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}`;
    case 'invalid_union':
      return 'is of no type that is known here';
    default:
      return 'is not valid';
  }
};
