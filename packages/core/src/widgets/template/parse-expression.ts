/**
 * The parser of expressions, with one function per precedence level of Jinja: `or`, `and`, `not`, comparisons, `+ -`,
 * `~`, `* / // %`, `**`, unary signs, then attributes, items and calls, then filters and tests.
 */
import type { Arguments, Expression, Filters, Target } from './syntax.ts';
import type { TokenCursor } from './token-cursor.ts';

const comparisons = ['==', '!=', '<', '<=', '>', '>='];
const arithmeticLevels = [['+', '-'], ['~'], ['*', '/', '//', '%'], ['**']];
const wordsBehindTest = ['else', 'or', 'and', 'is', 'if', 'not', 'in'];
const constants: Readonly<Record<string, true | false | null>> = {
  true: true,
  True: true,
  false: false,
  False: false,
  none: null,
  None: null,
};
const noArguments: Arguments = { positional: [], named: {} };

/** An expression; if `conditional`, it may be followed by `if … else …`. */
export const readExpression = (tokens: TokenCursor, conditional = true): Expression => {
  let value = junction(tokens, 0);
  while (conditional && tokens.takeName('if')) {
    const test = junction(tokens, 0);
    const otherwise = tokens.takeName('else') ? readExpression(tokens) : undefined;
    value = { kind: 'if', test, value, otherwise };
  }
  return value;
};

/** An expression, or several separated by commas, which make a list. */
export const readTuple = (tokens: TokenCursor, conditional = true): Expression => {
  const first = readExpression(tokens, conditional);
  if (!tokens.is('operator', ',')) return first;
  const items = [first];
  while (tokens.take(',')) {
    if (tokens.isAtEnd || tokens.is('operator', ')')) break;
    items.push(readExpression(tokens, conditional));
  }
  return { kind: 'list', items };
};

/** The target of an assignment; an attribute only if `attributes` is set. */
export const readTarget = (tokens: TokenCursor, attributes: boolean): Target => {
  const parenthesised = tokens.take('(');
  const names = [tokens.name()];
  let unpack = false;
  if (attributes && tokens.take('.')) return { kind: 'attribute', name: names[0] as string, attribute: tokens.name() };
  while (tokens.take(',')) {
    unpack = true;
    if (tokens.peek()?.kind !== 'name') break;
    names.push(tokens.name());
  }
  if (parenthesised) tokens.expect(')');
  return { kind: 'names', names, unpack };
};

/** A chain `| filter | filter`. */
export const readFilters = (tokens: TokenCursor): Filters => {
  const all: Filters[number][] = [];
  while (tokens.take('|')) all.push(filter(tokens));
  return all;
};

/** The same, but without the first bar. */
export const readNamedFilters = (tokens: TokenCursor): Filters => [filter(tokens), ...readFilters(tokens)];

/** The levels `or` and `and`. */
const junction = (tokens: TokenCursor, level: number): Expression => {
  const word = ['or', 'and'][level];
  if (word === undefined) return negation(tokens);
  let left = junction(tokens, level + 1);
  while (tokens.takeName(word)) left = { kind: 'binary', operator: word, left, right: junction(tokens, level + 1) };
  return left;
};

const negation = (tokens: TokenCursor): Expression =>
  tokens.takeName('not') ? { kind: 'unary', operator: 'not', operand: negation(tokens) } : comparison(tokens);

const comparison = (tokens: TokenCursor): Expression => {
  const first = arithmetic(tokens, 0);
  const rest: [string, Expression][] = [];
  for (let operator = comparator(tokens); operator !== undefined; operator = comparator(tokens)) {
    rest.push([operator, arithmetic(tokens, 0)]);
  }
  return rest.length === 0 ? first : { kind: 'compare', first, rest };
};

const comparator = (tokens: TokenCursor): string | undefined => {
  if (tokens.takeName('in')) return 'in';
  if (tokens.is('name', 'not') && tokens.is('name', 'in', 1)) {
    tokens.skip(2);
    return 'not in';
  }
  return takeOneOf(tokens, comparisons);
};

const takeOneOf = (tokens: TokenCursor, operators: readonly string[]): string | undefined =>
  operators.find((operator) => tokens.take(operator));

const arithmetic = (tokens: TokenCursor, level: number): Expression => {
  const operators = arithmeticLevels[level];
  if (operators === undefined) return filtersAndTests(tokens, signed(tokens));
  let left = arithmetic(tokens, level + 1);
  for (let operator = takeOneOf(tokens, operators); operator !== undefined; operator = takeOneOf(tokens, operators)) {
    left = { kind: 'binary', operator, left, right: arithmetic(tokens, level + 1) };
  }
  return left;
};

const signed = (tokens: TokenCursor): Expression => {
  const sign = tokens.take('-') ? '-' : tokens.take('+') ? '+' : undefined;
  return sign === undefined ? postfix(tokens) : { kind: 'unary', operator: sign, operand: signed(tokens) };
};

/** A value with its attributes, items and calls. */
const postfix = (tokens: TokenCursor): Expression => {
  let value = primary(tokens);
  for (;;) {
    if (tokens.take('.')) value = attribute(tokens, value);
    else if (tokens.take('[')) value = subscript(tokens, value);
    else if (tokens.take('(')) value = { kind: 'call', callee: value, args: callArguments(tokens) };
    else return value;
  }
};

const primary = (tokens: TokenCursor): Expression => {
  const token = tokens.peek();
  if (token?.kind === 'number') {
    tokens.skip();
    return { kind: 'literal', value: Number(token.text), float: /[.eE]/.test(token.text) };
  }
  if (token?.kind === 'string') return { kind: 'literal', value: text(tokens) };
  if (token?.kind === 'name') {
    tokens.skip();
    return Object.hasOwn(constants, token.text)
      ? { kind: 'literal', value: constants[token.text] as true | false | null }
      : { kind: 'name', name: token.text };
  }
  if (tokens.take('(')) return parenthesised(tokens);
  if (tokens.take('[')) return { kind: 'list', items: sequence(tokens, ']', () => readExpression(tokens)) };
  if (tokens.take('{')) return { kind: 'dict', entries: sequence(tokens, '}', () => entry(tokens)) };
  throw tokens.unexpected();
};

/** Adjacent strings are joined. */
const text = (tokens: TokenCursor): string => {
  let value = '';
  for (let next = tokens.peek(); next?.kind === 'string'; next = tokens.peek()) {
    value += next.text;
    tokens.skip();
  }
  return value;
};

const parenthesised = (tokens: TokenCursor): Expression => {
  if (tokens.take(')')) return { kind: 'list', items: [] };
  const value = readTuple(tokens);
  tokens.expect(')');
  return value;
};

const entry = (tokens: TokenCursor): readonly [key: Expression, value: Expression] => {
  const key = readExpression(tokens);
  tokens.expect(':');
  return [key, readExpression(tokens)];
};

/** Entries up to the closing bracket; a comma may follow the last. */
const sequence = <T>(tokens: TokenCursor, closer: string, readEntry: () => T): T[] => {
  const entries: T[] = [];
  while (!tokens.take(closer)) {
    entries.push(readEntry());
    if (tokens.take(',')) continue;
    tokens.expect(closer);
    break;
  }
  return entries;
};

const attribute = (tokens: TokenCursor, of: Expression): Expression => {
  const token = tokens.peek();
  if (token?.kind !== 'number' || !/^\d+$/.test(token.text)) return { kind: 'attribute', of, name: tokens.name() };
  tokens.skip();
  return { kind: 'item', of, index: { kind: 'literal', value: Number(token.text) } };
};

const subscript = (tokens: TokenCursor, of: Expression): Expression => {
  const bounds: (Expression | undefined)[] = [undefined];
  while (!tokens.take(']')) {
    if (tokens.take(':')) bounds.push(undefined);
    else if (bounds.at(-1) === undefined) bounds[bounds.length - 1] = readExpression(tokens);
    else throw tokens.unexpected();
  }
  const [first, second, third] = bounds;
  if (bounds.length > 3 || (bounds.length === 1 && first === undefined)) throw tokens.unexpected();
  return bounds.length === 1
    ? { kind: 'item', of, index: first as Expression }
    : { kind: 'slice', of, bounds: [first, second, third] };
};

/** The arguments of a call, after the opening bracket. */
const callArguments = (tokens: TokenCursor): Arguments => {
  const positional: Expression[] = [];
  const named: Record<string, Expression> = {};
  sequence(tokens, ')', () => {
    if (tokens.peek()?.kind === 'name' && tokens.is('operator', '=', 1)) {
      const key = tokens.name();
      tokens.skip();
      named[key] = readExpression(tokens);
    } else positional.push(readExpression(tokens));
  });
  return { positional, named };
};

const filtersAndTests = (tokens: TokenCursor, start: Expression): Expression => {
  let value = start;
  for (;;) {
    if (tokens.take('|')) value = { kind: 'filter', of: value, ...filter(tokens) };
    else if (tokens.takeName('is')) value = test(tokens, value);
    else if (tokens.take('(')) value = { kind: 'call', callee: value, args: callArguments(tokens) };
    else return value;
  }
};

const filter = (tokens: TokenCursor): Filters[number] => ({
  name: tokens.nameOf('filters'),
  args: tokens.take('(') ? callArguments(tokens) : noArguments,
});

const test = (tokens: TokenCursor, of: Expression): Expression => {
  const negated = tokens.takeName('not');
  const name = tokens.nameOf('tests');
  return { kind: 'test', name, of, args: testArguments(tokens), negated };
};

/** The arguments in brackets, or a single one without. */
const testArguments = (tokens: TokenCursor): Arguments => {
  if (tokens.take('(')) return callArguments(tokens);
  const next = tokens.peek();
  if (next === undefined || (next.kind === 'operator' && !'[{'.includes(next.text))) return noArguments;
  if (next.kind === 'name' && wordsBehindTest.includes(next.text)) return noArguments;
  return { positional: [postfix(tokens)], named: {} };
};
