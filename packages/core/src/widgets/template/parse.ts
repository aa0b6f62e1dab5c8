/** The parser: turns a template into a tree of statements. Expressions are parsed by `parse-expression.ts`. */
import { type Chunk, lex } from './lex.ts';
import { readExpression, readFilters, readNamedFilters, readTarget, readTuple } from './parse-expression.ts';
import type { Expression, Statement, Target, Vocabulary } from './syntax.ts';
import { invalidTemplate } from './template-error.ts';
import { TokenCursor } from './token-cursor.ts';

/** Parses a template. */
export const parse = (template: string, vocabulary: Vocabulary): readonly Statement[] =>
  readBody({ chunks: lex(template), at: 0, vocabulary }, '', 1, []);

/** The position in a template. */
interface Place {
  readonly chunks: readonly Chunk[];
  /** The next chunk to read. */
  at: number;
  readonly vocabulary: Vocabulary;
}

/** The rest of a statement's braces, after its name. */
type Opening = (place: Place, tokens: TokenCursor, line: number) => Statement;

/** Reads statements up to one whose name is in `ends`, which is left to the caller. */
const readBody = (place: Place, opener: string, line: number, ends: readonly string[]): readonly Statement[] => {
  const body: Statement[] = [];
  while (place.at < place.chunks.length) {
    const chunk = place.chunks[place.at] as Chunk;
    const name = nameAt(place);
    if (name !== undefined && ends.includes(name)) return body;
    place.at += 1;
    if (chunk.kind === 'text') body.push(chunk);
    else if (name === undefined) body.push(readOutput(cursorOf(chunk, place)));
    else body.push(readStatement(place, name, chunk));
  }
  if (ends.length > 0) throw invalidTemplate(`"${opener}" is not closed.`, line);
  return body;
};

const readOutput = (tokens: TokenCursor): Statement => {
  const value = readTuple(tokens);
  tokens.expectEnd();
  return { kind: 'output', value };
};

type Braces = Exclude<Chunk, { kind: 'text' }>;

const cursorOf = ({ tokens, line }: Braces, { vocabulary }: Place): TokenCursor =>
  new TokenCursor(tokens, line, vocabulary);

/** The first word of the next chunk, if that is a statement. */
const nameAt = ({ chunks, at }: Place): string | undefined => {
  const chunk = chunks[at];
  return chunk?.kind === 'statement' ? (chunk.tokens[0]?.text ?? '') : undefined;
};

const readStatement = (place: Place, name: string, chunk: Braces): Statement => {
  const read = Object.hasOwn(openings, name) ? openings[name] : undefined;
  if (read === undefined) throw invalidTemplate(`The tag "${name}" is not known here.`, chunk.line);
  const tokens = cursorOf(chunk, place);
  tokens.skip();
  return read(place, tokens, chunk.line);
};

/** Consumes the next statement, at which `readBody` has stopped; returns the rest after its name. */
const next = (place: Place): TokenCursor => {
  const tokens = cursorOf(place.chunks[place.at] as Braces, place);
  place.at += 1;
  tokens.skip();
  return tokens;
};

/** The body of a statement, consumed together with its end tag. */
const bodyOf = (place: Place, name: string, line: number): readonly Statement[] => {
  const body = readBody(place, name, line, [`end${name}`]);
  next(place).expectEnd();
  return body;
};

/** The body after `else`, if that comes next; consumes the end tag. */
const elseOf = (place: Place, name: string, line: number): readonly Statement[] => {
  const hasElse = nameAt(place) === 'else';
  next(place).expectEnd();
  return hasElse ? bodyOf(place, name, line) : [];
};

const openings: Readonly<Record<string, Opening>> = {
  set(place, tokens, line) {
    const target = readTarget(tokens, true);
    if (tokens.take('=')) {
      const value = readTuple(tokens);
      tokens.expectEnd();
      return { kind: 'set', target, value };
    }
    const filters = readFilters(tokens);
    tokens.expectEnd();
    return { kind: 'capture', target, body: bodyOf(place, 'set', line), filters };
  },

  if(place, tokens, line) {
    const branches: { test: Expression; body: readonly Statement[] }[] = [];
    for (let branch = tokens; ; branch = next(place)) {
      const test = readExpression(branch);
      branch.expectEnd();
      branches.push({ test, body: readBody(place, 'if', line, ['elif', 'else', 'endif']) });
      if (nameAt(place) !== 'elif') break;
    }
    return { kind: 'if', branches, otherwise: elseOf(place, 'if', line) };
  },

  for(place, tokens, line) {
    const target = readTarget(tokens, false);
    tokens.expectName('in');
    const over = readTuple(tokens, false);
    const condition = tokens.takeName('if') ? readExpression(tokens) : undefined;
    tokens.expectEnd();
    const body = readBody(place, 'for', line, ['else', 'endfor']);
    return { kind: 'for', target, over, condition, body, otherwise: elseOf(place, 'for', line) };
  },

  with(place, tokens, line) {
    const bindings: [Target, Expression][] = [];
    while (!tokens.isAtEnd) {
      const target = readTarget(tokens, false);
      tokens.expect('=');
      bindings.push([target, readExpression(tokens)]);
      if (!tokens.take(',')) break;
    }
    tokens.expectEnd();
    return { kind: 'with', bindings, body: bodyOf(place, 'with', line) };
  },

  filter(place, tokens, line) {
    const filters = readNamedFilters(tokens);
    tokens.expectEnd();
    return { kind: 'filtered', body: bodyOf(place, 'filter', line), filters };
  },
};
