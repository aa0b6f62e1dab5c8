/**
 * Reads expressions. The precedence is Jinja's: `or`, `and`, `not`, comparisons, `+ -`, `~`, `* / // %`, `**`, unary
 * signs, then attributes, items and calls, then filters and tests.
 */
import type { Token } from './lex.ts';
import type { Arguments, Expression, Filters, Target, Vocabulary } from './syntax.ts';
import { invalidTemplate } from './template-error.ts';

const comparisons = ['==', '!=', '<', '<=', '>', '>='];
const constants: Readonly<Record<string, true | false | null>> = {
  true: true,
  True: true,
  false: false,
  False: false,
  none: null,
  None: null,
};

/** Reads what stands in one pair of braces, piece by piece; what does not fit is refused with its line. */
export const createReader = (tokens: readonly Token[], line: number, vocabulary: Vocabulary) => {
  let at = 0;
  const peek = (): Token | undefined => tokens[at];
  const is = (kind: Token['kind'], text: string, offset = 0): boolean =>
    tokens[at + offset]?.kind === kind && tokens[at + offset]?.text === text;
  const take = (operator: string): boolean => is('operator', operator) && ++at > 0;
  const takeName = (name: string): boolean => is('name', name) && ++at > 0;
  const unexpected = (): Error => {
    const token = peek();
    const what = token === undefined ? 'Something is missing at the end' : `"${token.text}" is unexpected`;
    return invalidTemplate(`${what}.`, token?.line ?? tokens.at(-1)?.line ?? line);
  };
  const expect = (operator: string): void => {
    if (!take(operator)) throw unexpected();
  };
  const expectName = (name: string): void => {
    if (!takeName(name)) throw unexpected();
  };
  const name = (): string => {
    const token = peek();
    if (token?.kind !== 'name') throw unexpected();
    at += 1;
    return token.text;
  };
  const known = (kind: 'filters' | 'tests', given: string): string => {
    if (vocabulary[kind].has(given)) return given;
    throw invalidTemplate(`The ${kind.slice(0, -1)} "${given}" is not known here.`, tokens[at - 1]?.line ?? line);
  };

  const expression = (conditional = true): Expression => {
    let value = binary(0);
    while (conditional && takeName('if')) {
      const test = binary(0);
      const otherwise = takeName('else') ? expression() : undefined;
      value = { kind: 'if', test, value, otherwise };
    }
    return value;
  };

  /** `and` and `or` by level, then `not` and comparisons, then arithmetic by level. */
  const binary = (level: number): Expression => {
    const word = ['or', 'and'][level];
    if (word === undefined) return negation();
    let left = binary(level + 1);
    while (takeName(word)) left = { kind: 'binary', operator: word, left, right: binary(level + 1) };
    return left;
  };

  const negation = (): Expression =>
    takeName('not') ? { kind: 'unary', operator: 'not', operand: negation() } : comparison();

  const comparison = (): Expression => {
    const first = arithmetic(0);
    const rest: [string, Expression][] = [];
    for (;;) {
      const token = peek();
      if (token?.kind === 'operator' && comparisons.includes(token.text)) {
        at += 1;
        rest.push([token.text, arithmetic(0)]);
      } else if (takeName('in')) rest.push(['in', arithmetic(0)]);
      else if (is('name', 'not') && is('name', 'in', 1)) {
        at += 2;
        rest.push(['not in', arithmetic(0)]);
      } else return rest.length === 0 ? first : { kind: 'compare', first, rest };
    }
  };

  const levels = [['+', '-'], ['~'], ['*', '/', '//', '%'], ['**']];
  const arithmetic = (level: number): Expression => {
    const operators = levels[level];
    if (operators === undefined) return unary(true);
    let left = arithmetic(level + 1);
    for (;;) {
      const token = peek();
      if (token?.kind !== 'operator' || !operators.includes(token.text)) return left;
      at += 1;
      left = { kind: 'binary', operator: token.text, left, right: arithmetic(level + 1) };
    }
  };

  const unary = (filtered: boolean): Expression => {
    const sign = take('-') ? '-' : take('+') ? '+' : undefined;
    const value: Expression =
      sign === undefined ? postfix(primary()) : { kind: 'unary', operator: sign, operand: unary(false) };
    return filtered ? filtersAndTests(value) : value;
  };

  const primary = (): Expression => {
    const token = peek();
    if (token === undefined) throw unexpected();
    at += 1;
    switch (token.kind) {
      case 'number':
        return { kind: 'literal', value: Number(token.text), float: /[.eE]/.test(token.text) };
      case 'string': {
        let value = token.text;
        for (let next = peek(); next?.kind === 'string'; next = peek()) {
          value += next.text;
          at += 1;
        }
        return { kind: 'literal', value };
      }
      case 'name':
        return Object.hasOwn(constants, token.text)
          ? { kind: 'literal', value: constants[token.text] as true | false | null }
          : { kind: 'name', name: token.text };
      default:
        if (token.text === '(') {
          if (take(')')) return { kind: 'list', items: [] };
          const value = tuple();
          expect(')');
          return value;
        }
        if (token.text === '[') return { kind: 'list', items: sequence(']', () => expression()) };
        if (token.text === '{') {
          return {
            kind: 'dict',
            entries: sequence('}', () => {
              const key = expression();
              expect(':');
              return [key, expression()] as const;
            }),
          };
        }
        at -= 1;
        throw unexpected();
    }
  };

  /** Entries up to the closing bracket; a comma may follow the last. */
  const sequence = <T>(closer: string, entry: () => T): T[] => {
    const entries: T[] = [];
    while (!take(closer)) {
      entries.push(entry());
      if (!take(',')) {
        expect(closer);
        break;
      }
    }
    return entries;
  };

  const tuple = (conditional = true): Expression => {
    const first = expression(conditional);
    if (!is('operator', ',')) return first;
    const items = [first];
    while (take(',')) {
      if (peek() === undefined || is('operator', ')')) break;
      items.push(expression(conditional));
    }
    return { kind: 'list', items };
  };

  const postfix = (start: Expression): Expression => {
    let value = start;
    for (;;) {
      if (take('.')) {
        const token = peek();
        if (token?.kind === 'number' && /^\d+$/.test(token.text)) {
          at += 1;
          value = { kind: 'item', of: value, index: { kind: 'literal', value: Number(token.text) } };
        } else value = { kind: 'attribute', of: value, name: name() };
      } else if (take('[')) value = subscript(value);
      else if (take('(')) value = { kind: 'call', callee: value, args: callArguments() };
      else return value;
    }
  };

  const subscript = (of: Expression): Expression => {
    const bounds: (Expression | undefined)[] = [undefined];
    for (;;) {
      if (take(':')) bounds.push(undefined);
      else if (take(']')) break;
      else if (bounds.at(-1) === undefined) bounds[bounds.length - 1] = expression();
      else throw unexpected();
    }
    const [first, second, third] = bounds;
    if (bounds.length > 3 || (bounds.length === 1 && first === undefined)) throw unexpected();
    return bounds.length === 1
      ? { kind: 'item', of, index: first as Expression }
      : { kind: 'slice', of, bounds: [first, second, third] };
  };

  const callArguments = (): Arguments => {
    const positional: Expression[] = [];
    const named: Record<string, Expression> = {};
    sequence(')', () => {
      if (peek()?.kind === 'name' && is('operator', '=', 1)) {
        const key = name();
        at += 1;
        named[key] = expression();
      } else positional.push(expression());
    });
    return { positional, named };
  };

  const filter = (): Filters[number] => {
    const called = known('filters', name());
    return { name: called, args: take('(') ? callArguments() : { positional: [], named: {} } };
  };

  const filtersAndTests = (start: Expression): Expression => {
    let value = start;
    for (;;) {
      if (take('|')) value = { kind: 'filter', of: value, ...filter() };
      else if (takeName('is')) value = test(value);
      else if (take('(')) value = { kind: 'call', callee: value, args: callArguments() };
      else return value;
    }
  };

  const test = (of: Expression): Expression => {
    const negated = takeName('not');
    const called = known('tests', name());
    const next = peek();
    let args: Arguments = { positional: [], named: {} };
    if (take('(')) args = callArguments();
    else if (
      next !== undefined &&
      (next.kind !== 'operator' || '[{'.includes(next.text)) &&
      !['else', 'or', 'and', 'is', 'if', 'not', 'in'].includes(next.kind === 'name' ? next.text : '')
    ) {
      args = { positional: [postfix(primary())], named: {} };
    }
    return { kind: 'test', name: called, of, args, negated };
  };

  const target = (attributes: boolean): Target => {
    const parenthesised = take('(');
    const names = [name()];
    let unpack = false;
    if (attributes && take('.')) return { kind: 'attribute', name: names[0] as string, attribute: name() };
    while (take(',')) {
      unpack = true;
      if (peek()?.kind !== 'name') break;
      names.push(name());
    }
    if (parenthesised) expect(')');
    return { kind: 'names', names, unpack };
  };

  const filters = (first = false): Filters => {
    const all: Filters[number][] = first ? [filter()] : [];
    while (take('|')) all.push(filter());
    return all;
  };

  return {
    expression: () => expression(),
    tuple,
    target,
    filters,
    take,
    takeName,
    expect,
    expectName,
    skipName: () => {
      at += 1;
    },
    atEnd: () => at >= tokens.length,
    end: () => {
      if (at < tokens.length) throw unexpected();
    },
  };
};
