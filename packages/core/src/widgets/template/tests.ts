/** The tests of Jinja: the names that may follow `is`. */
import type { ArgumentReader } from './filters.ts';
import { renderFailed } from './template-error.ts';
import {
  compare,
  contains,
  defined,
  isDict,
  isEqual,
  isFloat,
  Namespace,
  numberOf,
  Undefined,
  type Value,
} from './value.ts';

type Test = (value: Value, arg: ArgumentReader) => boolean;

const integer = (value: Value | undefined): number => {
  const known = value === undefined ? undefined : numberOf(defined(value));
  if (known === undefined) throw renderFailed('A test needs a number, and got none.');
  return known;
};

const remainder = (value: number, by: number): number => ((value % by) + by) % by;
const isInteger: Test = (value) => typeof value === 'number' && Number.isInteger(value);
const isText: Test = (value) => typeof value === 'string';
const isIterable: Test = (value) => isText(value, noArgument) || Array.isArray(value) || isDict(value);
const noArgument: ArgumentReader = () => undefined;
const argument = (arg: ArgumentReader): Value => {
  const value = arg(0, 'other');
  if (value === undefined) throw renderFailed('A test lacks what to compare with.');
  return value;
};

const eq: Test = (value, arg) => isEqual(value, argument(arg));
const ne: Test = (value, arg) => !isEqual(value, argument(arg));
const lt: Test = (value, arg) => compare(value, argument(arg)) < 0;
const le: Test = (value, arg) => compare(value, argument(arg)) <= 0;
const gt: Test = (value, arg) => compare(value, argument(arg)) > 0;
const ge: Test = (value, arg) => compare(value, argument(arg)) >= 0;

const table: Readonly<Record<string, Test>> = {
  boolean: (value) => typeof value === 'boolean',
  callable: (value) => typeof value === 'function',
  defined: (value) => !(value instanceof Undefined),
  divisibleby: (value, arg) => integer(value) % integer(argument(arg)) === 0,
  eq,
  equalto: eq,
  '==': eq,
  even: (value) => remainder(integer(value), 2) === 0,
  false: (value) => value === false,
  float: (value) => isFloat(value),
  ge,
  '>=': ge,
  greaterthan: gt,
  gt,
  '>': gt,
  in: (value, arg) => contains(argument(arg), value),
  integer: isInteger,
  iterable: isIterable,
  le,
  '<=': le,
  lessthan: lt,
  lower: (value) =>
    isText(value, noArgument) && value === (value as string).toLowerCase() && /\p{L}/u.test(value as string),
  lt,
  '<': lt,
  mapping: (value) => isDict(value),
  ne,
  '!=': ne,
  none: (value) => value === null,
  number: (value) => !(value instanceof Namespace) && numberOf(value) !== undefined,
  odd: (value) => remainder(integer(value), 2) === 1,
  sameas: (value, arg) => value === argument(arg),
  sequence: isIterable,
  string: isText,
  true: (value) => value === true,
  undefined: (value) => value instanceof Undefined,
  upper: (value) =>
    isText(value, noArgument) && value === (value as string).toUpperCase() && /\p{L}/u.test(value as string),
};

/** The tests, by name. */
export const tests: ReadonlyMap<string, Test> = new Map(Object.entries(table));
