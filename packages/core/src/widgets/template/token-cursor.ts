/** A cursor over the tokens of one pair of braces. Unexpected tokens are refused with their line. */
import type { Token } from './lex.ts';
import type { Vocabulary } from './syntax.ts';
import { invalidTemplate } from './template-error.ts';

export class TokenCursor {
  private readonly tokens: readonly Token[];
  private readonly line: number;
  private readonly vocabulary: Vocabulary;
  private at = 0;

  /** @param line where the braces begin, for errors about what is missing in empty ones. */
  constructor(tokens: readonly Token[], line: number, vocabulary: Vocabulary) {
    this.tokens = tokens;
    this.line = line;
    this.vocabulary = vocabulary;
  }

  get isAtEnd(): boolean {
    return this.at >= this.tokens.length;
  }

  peek(): Token | undefined {
    return this.tokens[this.at];
  }

  /** Whether the next token, or the one `offset` tokens later, is this one. */
  is(kind: Token['kind'], text: string, offset = 0): boolean {
    const token = this.tokens[this.at + offset];
    return token?.kind === kind && token.text === text;
  }

  skip(count = 1): void {
    this.at += count;
  }

  /** Consumes an operator, if it comes next. */
  take(operator: string): boolean {
    if (!this.is('operator', operator)) return false;
    this.at += 1;
    return true;
  }

  /** Consumes a word, if it comes next. */
  takeName(name: string): boolean {
    if (!this.is('name', name)) return false;
    this.at += 1;
    return true;
  }

  expect(operator: string): void {
    if (!this.take(operator)) throw this.unexpected();
  }

  expectName(name: string): void {
    if (!this.takeName(name)) throw this.unexpected();
  }

  expectEnd(): void {
    if (!this.isAtEnd) throw this.unexpected();
  }

  /** Any name. */
  name(): string {
    const token = this.peek();
    if (token?.kind !== 'name') throw this.unexpected();
    this.at += 1;
    return token.text;
  }

  /** The name of a known filter or test. */
  nameOf(kind: 'filters' | 'tests'): string {
    const name = this.name();
    if (this.vocabulary[kind].has(name)) return name;
    const line = this.tokens[this.at - 1]?.line ?? this.line;
    throw invalidTemplate(`The ${kind.slice(0, -1)} "${name}" is not known here.`, line);
  }

  unexpected(): Error {
    const token = this.peek();
    const what = token === undefined ? 'Something is missing at the end' : `"${token.text}" is unexpected`;
    return invalidTemplate(`${what}.`, token?.line ?? this.tokens.at(-1)?.line ?? this.line);
  }
}
