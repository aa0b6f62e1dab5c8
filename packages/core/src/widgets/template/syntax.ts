/**
 * The syntax tree of a template: statements, which write output, and expressions, which have values. Plain data, made
 * by `parse`.
 */

export type Expression =
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null; readonly float?: boolean }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'list'; readonly items: readonly Expression[] }
  | { readonly kind: 'dict'; readonly entries: readonly (readonly [key: Expression, value: Expression])[] }
  | { readonly kind: 'unary'; readonly operator: '-' | '+' | 'not'; readonly operand: Expression }
  | { readonly kind: 'binary'; readonly operator: string; readonly left: Expression; readonly right: Expression }
  | {
      readonly kind: 'compare';
      readonly first: Expression;
      readonly rest: readonly (readonly [operator: string, operand: Expression])[];
    }
  | {
      readonly kind: 'if';
      readonly test: Expression;
      readonly value: Expression;
      readonly otherwise: Expression | undefined;
    }
  | { readonly kind: 'attribute'; readonly of: Expression; readonly name: string }
  | { readonly kind: 'item'; readonly of: Expression; readonly index: Expression }
  | {
      readonly kind: 'slice';
      readonly of: Expression;
      readonly bounds: readonly [Expression | undefined, Expression | undefined, Expression | undefined];
    }
  | { readonly kind: 'call'; readonly callee: Expression; readonly args: Arguments }
  | { readonly kind: 'filter'; readonly name: string; readonly of: Expression; readonly args: Arguments }
  | {
      readonly kind: 'test';
      readonly name: string;
      readonly of: Expression;
      readonly args: Arguments;
      readonly negated: boolean;
    };

export interface Arguments {
  readonly positional: readonly Expression[];
  readonly named: Readonly<Record<string, Expression>>;
}

/** The target of an assignment: names, or an attribute of a namespace. */
export type Target =
  | { readonly kind: 'names'; readonly names: readonly string[]; readonly unpack: boolean }
  | { readonly kind: 'attribute'; readonly name: string; readonly attribute: string };

export type Statement =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'output'; readonly value: Expression }
  | { readonly kind: 'set'; readonly target: Target; readonly value: Expression }
  | {
      readonly kind: 'capture';
      readonly target: Target;
      readonly body: readonly Statement[];
      readonly filters: Filters;
    }
  | { readonly kind: 'filtered'; readonly body: readonly Statement[]; readonly filters: Filters }
  | {
      readonly kind: 'if';
      readonly branches: readonly { readonly test: Expression; readonly body: readonly Statement[] }[];
      readonly otherwise: readonly Statement[];
    }
  | {
      readonly kind: 'for';
      readonly target: Target;
      readonly over: Expression;
      readonly condition: Expression | undefined;
      readonly body: readonly Statement[];
      readonly otherwise: readonly Statement[];
    }
  | {
      readonly kind: 'with';
      readonly bindings: readonly (readonly [target: Target, value: Expression])[];
      readonly body: readonly Statement[];
    };

export type Filters = readonly { readonly name: string; readonly args: Arguments }[];

/**
 * The names of filters and tests that a template may use; others are refused when it is parsed, not when it is
 * rendered.
 */
export interface Vocabulary {
  readonly filters: ReadonlySet<string>;
  readonly tests: ReadonlySet<string>;
}
