/**
 * The interpreter: renders a template by walking its tree, with Jinja's scopes and the strictness of its
 * `StrictUndefined`. No code is generated, so it runs where `new Function` is forbidden, and a template can access
 * nothing but its data.
 */
import { beginRendering, bounded, maxItems, spend } from './budget.ts';
import { type Apply, type ArgumentReader, filters } from './filters.ts';
import { globals, methodOf, setEntry } from './methods.ts';
import type { Arguments, Expression, Filters, Statement, Target } from './syntax.ts';
import { renderFailed } from './template-error.ts';
import { tests } from './tests.ts';
import {
  type Callable,
  charactersOf,
  compare,
  contains,
  type Dict,
  defined,
  isDict,
  isEqual,
  isFloat,
  isTrue,
  iterate,
  Namespace,
  numberOf,
  orUndefined,
  slice,
  toNumber,
  toText,
  typeName,
  Undefined,
  type Value,
} from './value.ts';

interface Scope {
  readonly names: Map<string, Value>;
  readonly outer: Scope | undefined;
}

/** Renders a template, with its names bound to `data`. */
export const render = (template: readonly Statement[], data: Dict): string => {
  beginRendering();
  const outermost: Scope = { names: new Map(Object.entries(globals)), outer: undefined };
  const scope: Scope = { names: new Map(Object.entries(data)), outer: outermost };
  return renderBody(template, scope);
};

const renderBody = (body: readonly Statement[], scope: Scope): string => {
  let output = '';
  for (const statement of body) output = bounded(output + renderStatement(statement, scope));
  return output;
};

const renderStatement = (statement: Statement, scope: Scope): string => {
  switch (statement.kind) {
    case 'text':
      return statement.text;
    case 'output':
      return toText(evaluate(statement.value, scope));
    case 'set':
      assign(statement.target, evaluate(statement.value, scope), scope);
      return '';
    case 'capture':
      assign(statement.target, filtered(renderBody(statement.body, inside(scope)), statement.filters, scope), scope);
      return '';
    case 'filtered':
      return toText(filtered(renderBody(statement.body, inside(scope)), statement.filters, scope));
    case 'if': {
      const branch = statement.branches.find(({ test }) => isTrue(evaluate(test, scope)));
      return renderBody(branch?.body ?? statement.otherwise, scope);
    }
    case 'for':
      return renderLoop(statement, scope);
    case 'with': {
      const inner = inside(scope);
      for (const [target, value] of statement.bindings) assign(target, evaluate(value, scope), inner);
      return renderBody(statement.body, inner);
    }
  }
};

const renderLoop = (statement: Extract<Statement, { kind: 'for' }>, scope: Scope): string => {
  const { target, condition } = statement;
  const all = iterate(evaluate(statement.over, scope));
  const items =
    condition === undefined
      ? all
      : all.filter((item) => {
          const inner = inside(scope);
          assign(target, item, inner);
          return isTrue(evaluate(condition, inner));
        });
  if (items.length === 0) return renderBody(statement.otherwise, inside(scope));
  let output = '';
  let changed: readonly Value[] | undefined;
  for (const [at, item] of items.entries()) {
    const inner = inside(scope);
    assign(target, item, inner);
    const loop = new Namespace({
      index: at + 1,
      index0: at,
      revindex: items.length - at,
      revindex0: items.length - at - 1,
      first: at === 0,
      last: at === items.length - 1,
      length: items.length,
      // Only recursive loops would go deeper, and those are not supported.
      depth: 1,
      depth0: 0,
      previtem: orUndefined(items[at - 1], '"loop.previtem" of the first item'),
      nextitem: orUndefined(items[at + 1], '"loop.nextitem" of the last item'),
      cycle: (choices) => choices[at % choices.length] ?? null,
      changed: (values) => {
        const same = changed !== undefined && isEqual([...changed], [...values]);
        changed = values;
        return !same;
      },
    });
    inner.names.set('loop', loop);
    output = bounded(output + renderBody(statement.body, inner));
  }
  return output;
};

const inside = (outer: Scope): Scope => ({ names: new Map(), outer });

const lookUp = (name: string, scope: Scope): Value => {
  for (let at: Scope | undefined = scope; at !== undefined; at = at.outer) {
    const value = at.names.get(name);
    if (value !== undefined) return value;
  }
  return new Undefined(`"${name}"`);
};

const assign = (target: Target, value: Value, scope: Scope): void => {
  if (target.kind === 'attribute') {
    const space = lookUp(target.name, scope);
    if (!(space instanceof Namespace)) throw renderFailed(`Only attributes of a namespace can be set.`);
    setEntry(space.fields, target.attribute, value);
    return;
  }
  const { names, unpack } = target;
  if (!unpack) {
    scope.names.set(names[0] as string, value);
    return;
  }
  const parts = iterate(value);
  if (parts.length !== names.length) {
    throw renderFailed(`${parts.length} values cannot be unpacked into ${names.length} names.`);
  }
  for (const [at, name] of names.entries()) scope.names.set(name, parts[at] as Value);
};

const filtered = (value: Value, chain: Filters, scope: Scope): Value =>
  chain.reduce((current, { name, args }) => applyFilter(name, current, readerOf(args, scope)), value);

const readerOf = ({ positional, named }: Arguments, scope: Scope): ArgumentReader => {
  const values = positional.map((argument) => evaluate(argument, scope));
  return (at, name) => {
    const given = named[name];
    return given === undefined ? values[at] : evaluate(given, scope);
  };
};

const applyFilter = (name: string, value: Value, args: ArgumentReader): Value => {
  const filter = filters.get(name);
  if (filter === undefined) throw renderFailed(`The filter "${name}" is not known here.`);
  return filter(value, args, apply);
};

const applyTest = (name: string, value: Value, args: ArgumentReader): boolean => {
  const test = tests.get(name);
  if (test === undefined) throw renderFailed(`The test "${name}" is not known here.`);
  return test(value, args);
};

const apply: Apply = {
  filter: (name, value, args) => applyFilter(name, value, (at) => args[at]),
  test: (name, value, args) => applyTest(name, value, (at) => args[at]),
  attribute: (value, path) =>
    toText(path)
      .split('.')
      .reduce<Value>((current, part) => itemOf(current, /^\d+$/.test(part) ? Number(part) : part), value),
};

const evaluate = (expression: Expression, scope: Scope): Value => {
  const value = computed(expression, scope);
  spend(typeof value === 'string' ? 1 + bounded(value).length / 16 : 1);
  return value;
};

const computed = (expression: Expression, scope: Scope): Value => {
  switch (expression.kind) {
    case 'literal':
      return expression.float === true ? toNumber(expression.value as number, true) : expression.value;
    case 'name':
      return lookUp(expression.name, scope);
    case 'list':
      return expression.items.map((item) => evaluate(item, scope));
    case 'dict': {
      const dict: Dict = {};
      for (const [key, value] of expression.entries)
        setEntry(dict, toText(evaluate(key, scope)), evaluate(value, scope));
      return dict;
    }
    case 'unary':
      return unary(expression.operator, evaluate(expression.operand, scope));
    case 'binary':
      return binary(expression.operator, expression.left, expression.right, scope);
    case 'compare': {
      let left = evaluate(expression.first, scope);
      return expression.rest.every(([operator, operand]) => {
        const right = evaluate(operand, scope);
        const holds = relate(operator, left, right);
        left = right;
        return holds;
      });
    }
    case 'if':
      if (isTrue(evaluate(expression.test, scope))) return evaluate(expression.value, scope);
      // Without "else", Jinja's result is an undefined value that may be written and is empty.
      return expression.otherwise === undefined ? '' : evaluate(expression.otherwise, scope);
    case 'attribute':
      return attributeOf(evaluate(expression.of, scope), expression.name);
    case 'item':
      return itemOf(evaluate(expression.of, scope), defined(evaluate(expression.index, scope)));
    case 'slice': {
      const bounds = expression.bounds.map((bound) => (bound === undefined ? null : evaluate(bound, scope)));
      return slice(evaluate(expression.of, scope), bounds);
    }
    case 'call': {
      const callee = defined(evaluate(expression.callee, scope));
      if (typeof callee !== 'function') throw renderFailed(`${typeName(callee)} cannot be called.`);
      const named: Record<string, Value> = {};
      for (const [name, value] of Object.entries(expression.args.named)) setEntry(named, name, evaluate(value, scope));
      return (callee as Callable)(
        expression.args.positional.map((argument) => evaluate(argument, scope)),
        named,
      );
    }
    case 'filter':
      return applyFilter(expression.name, evaluate(expression.of, scope), readerOf(expression.args, scope));
    case 'test':
      return (
        applyTest(expression.name, evaluate(expression.of, scope), readerOf(expression.args, scope)) !==
        expression.negated
      );
  }
};

/** `value.name`: a method, otherwise an entry. */
const attributeOf = (given: Value, name: string): Value => {
  const value = defined(given);
  if (value instanceof Namespace) return entryOf(value.fields, name);
  return methodOf(value, name) ?? itemOf(value, name);
};

/** `value[index]`: an entry, otherwise a method. */
const itemOf = (given: Value, index: Value): Value => {
  const value = defined(given);
  if (value instanceof Namespace) return entryOf(value.fields, toText(index));
  if (isDict(value)) {
    const key = toText(index);
    return Object.hasOwn(value, key) ? (value[key] as Value) : (methodOf(value, key) ?? entryOf(value, key));
  }
  if (typeof index === 'string') return methodOf(value, index) ?? new Undefined(`"${index}" of ${typeName(value)}`);
  const at = numberOf(index);
  const items = typeof value === 'string' ? charactersOf(value) : value;
  if (at === undefined || !Array.isArray(items)) return new Undefined(`An item of ${typeName(value)}`);
  return orUndefined(items.at(at), `Item ${at} of ${items.length}`);
};

const entryOf = (dict: Readonly<Record<string, Value>>, key: string): Value =>
  Object.hasOwn(dict, key) ? (dict[key] as Value) : new Undefined(`"${key}"`);

const unary = (operator: '-' | '+' | 'not', value: Value): Value => {
  if (operator === 'not') return !isTrue(value);
  const number = numberOf(defined(value));
  if (number === undefined) throw renderFailed(`${typeName(value)} has no sign.`);
  return toNumber(operator === '-' ? -number : number, isFloat(value));
};

const relate = (operator: string, left: Value, right: Value): boolean => {
  switch (operator) {
    case '==':
      return isEqual(left, right);
    case '!=':
      return !isEqual(left, right);
    case 'in':
      return contains(right, left);
    case 'not in':
      return !contains(right, left);
    case '<':
      return compare(left, right) < 0;
    case '<=':
      return compare(left, right) <= 0;
    case '>':
      return compare(left, right) > 0;
    default:
      return compare(left, right) >= 0;
  }
};

const binary = (operator: string, first: Expression, second: Expression, scope: Scope): Value => {
  const left = evaluate(first, scope);
  if (operator === 'and') return isTrue(left) ? evaluate(second, scope) : left;
  if (operator === 'or') return isTrue(left) ? left : evaluate(second, scope);
  const right = defined(evaluate(second, scope));
  if (operator === '~') return toText(left) + toText(right);
  return calculate(operator, defined(left), right);
};

const calculate = (operator: string, left: Value, right: Value): Value => {
  const [a, b] = [numberOf(left), numberOf(right)];
  if (a !== undefined && b !== undefined) return arithmetic(operator, a, b, isFloat(left) || isFloat(right));
  if (operator === '+') {
    if (typeof left === 'string' && typeof right === 'string') return left + right;
    if (Array.isArray(left) && Array.isArray(right)) return [...iterate(left), ...iterate(right)];
  }
  if (operator === '*') {
    const [many, times] = b === undefined ? [right, a] : [left, b];
    if (times !== undefined && (typeof many === 'string' || Array.isArray(many))) return repeat(many, times);
  }
  throw renderFailed(`"${operator}" does not work on ${typeName(left)} and ${typeName(right)}.`);
};

const repeat = (value: string | Value[], times: number): Value => {
  const count = Math.max(0, Math.trunc(times));
  if (value.length * count > maxItems) throw renderFailed('A repetition is too long.');
  return typeof value === 'string' ? value.repeat(count) : Array.from({ length: count }, () => value).flat(1);
};

const arithmetic = (operator: string, a: number, b: number, float: boolean): Value => {
  switch (operator) {
    case '+':
      return toNumber(a + b, float);
    case '-':
      return toNumber(a - b, float);
    case '*':
      return toNumber(a * b, float);
    case '**':
      return toNumber(a ** b, float || b < 0);
    default:
      if (b === 0) throw renderFailed('A division by zero.');
      if (operator === '/') return toNumber(a / b, true);
      return operator === '//' ? toNumber(Math.floor(a / b), float) : toNumber(a - b * Math.floor(a / b), float);
  }
};
