/**
 * The lexer: splits a template into text, statements and expressions, and the latter two into tokens. Whitespace
 * control (`{%-`, `-}}`) is done here. Braces inside an expression are balanced first, so that `{{ {"a": {"b": 1}} }}`
 * ends where it should.
 */
import { invalidTemplate } from './template-error.ts';

export type Token =
  | { readonly kind: 'name' | 'operator'; readonly text: string; readonly line: number }
  | { readonly kind: 'string'; readonly text: string; readonly line: number }
  | { readonly kind: 'number'; readonly text: string; readonly line: number };

/** A piece of a template. */
export type Chunk =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'expression'; readonly tokens: readonly Token[]; readonly line: number }
  | { readonly kind: 'statement'; readonly tokens: readonly Token[]; readonly line: number };

const closers = { '{{': '}}', '{%': '%}' } as const;
const tokenForm =
  /\s+|(?<name>[A-Za-z_]\w*)|(?<number>\d[\d_]*(?:\.\d[\d_]*)?(?:[eE][+-]?\d+)?)|(?<string>"(?:\\[\s\S]|[^\\"])*"|'(?:\\[\s\S]|[^\\'])*')|(?<operator>\*\*|\/\/|==|!=|<=|>=|[-+*/%~|.,:()[\]{}<>=])/y;
const rawForm = /\{%([-+]?)\s*raw\s*([-+]?)%\}([\s\S]*?)\{%([-+]?)\s*endraw\s*([-+]?)%\}/y;

/**
 * The pieces of a template, in order. Line ends are normalised to `\n`, and one at the very end is dropped, as in
 * Jinja.
 */
export const lex = (template: string): readonly Chunk[] => {
  const source = template.replace(/\r\n?/g, '\n').replace(/\n$/, '');
  const chunks: Chunk[] = [];
  const lineOf = createLineCounter(source);
  let at = 0;
  let trimNext = false;
  const addText = (text: string, trimEnd: boolean): void => {
    const start = trimNext ? text.trimStart() : text;
    const trimmed = trimEnd ? start.trimEnd() : start;
    if (trimmed !== '') chunks.push({ kind: 'text', text: trimmed });
  };
  for (;;) {
    const open = findOpening(source, at);
    const mark = source.slice(open, open + 2);
    addText(source.slice(at, open), open < source.length && source[open + 2] === '-');
    if (open === source.length) return chunks;
    if (mark === '{#') {
      const end = source.indexOf('#}', open + 2);
      if (end < 0) throw invalidTemplate('A comment is not closed.', lineOf(open));
      trimNext = source[end - 1] === '-';
      at = end + 2;
      continue;
    }
    rawForm.lastIndex = open;
    const raw = rawForm.exec(source);
    if (raw !== null) {
      trimNext = raw[2] === '-';
      addText(raw[3] as string, raw[4] === '-');
      trimNext = raw[5] === '-';
      at = rawForm.lastIndex;
      continue;
    }
    const line = lineOf(open);
    const { tokens, end, trim } = lexCode(source, open, closers[mark as '{{'], lineOf);
    const kind = mark === '{{' ? 'expression' : 'statement';
    chunks.push({ kind, tokens, line });
    trimNext = trim;
    at = end;
  }
};

const findOpening = (source: string, from: number): number => {
  for (let at = source.indexOf('{', from); at >= 0; at = source.indexOf('{', at + 1)) {
    if ('{%#'.includes(source[at + 1] || ' ')) return at;
  }
  return source.length;
};

/** Maps positions to line numbers. Positions are asked for in ascending order, so the text is scanned once. */
const createLineCounter = (source: string): ((at: number) => number) => {
  let counted = 0;
  let line = 1;
  return (at) => {
    for (; counted < at; counted++) if (source[counted] === '\n') line += 1;
    return line;
  };
};

const lexCode = (source: string, open: number, closer: string, lineOf: (at: number) => number) => {
  const firstLine = lineOf(open);
  const tokens: Token[] = [];
  let depth = 0;
  let at = open + 2;
  if (source[at] === '-' || source[at] === '+') at += 1;
  for (;;) {
    if (depth === 0) {
      const trim = source[at] === '-';
      const end = trim || source[at] === '+' ? at + 1 : at;
      if (source.startsWith(closer, end)) return { tokens, end: end + 2, trim };
    }
    tokenForm.lastIndex = at;
    const match = tokenForm.exec(source);
    const line = lineOf(at);
    if (match === null) {
      const what =
        at >= source.length ? `"${source.slice(open, open + 2)}" is not closed` : `"${source[at]}" is unexpected`;
      throw invalidTemplate(`${what}.`, at >= source.length ? firstLine : line);
    }
    const { name, number, string, operator } = match.groups as Record<string, string | undefined>;
    if (name !== undefined) tokens.push({ kind: 'name', text: name, line });
    else if (number !== undefined) tokens.push({ kind: 'number', text: number.replaceAll('_', ''), line });
    else if (string !== undefined) tokens.push({ kind: 'string', text: readEscapes(string.slice(1, -1)), line });
    else if (operator !== undefined) {
      if ('([{'.includes(operator)) depth += 1;
      if (')]}'.includes(operator)) depth -= 1;
      if (depth < 0) throw invalidTemplate(`"${operator}" is unexpected.`, line);
      tokens.push({ kind: 'operator', text: operator, line });
    }
    at = tokenForm.lastIndex;
  }
};

const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  b: '\b',
  f: '\f',
  v: '\v',
  a: '\x07',
  '\n': '',
};

/** Escapes as in a Python string. An unknown one stays as it is, backslash included. */
const readEscapes = (text: string): string =>
  text.replace(
    /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{1,3})|([\s\S]))/g,
    (whole, x: string, u: string, long: string, octal: string, other: string) => {
      const hex = x ?? u ?? long;
      if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8));
      return escapes[other] ?? (`\\"'`.includes(other) ? other : whole);
    },
  );
