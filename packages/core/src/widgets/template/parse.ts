/** Reads a template into a tree of statements; what stands in their braces is read by `parse-expression.ts`. */
import { type Chunk, lex, type Token } from './lex.ts';
import { createReader } from './parse-expression.ts';
import type { Expression, Statement, Target, Vocabulary } from './syntax.ts';
import { invalidTemplate } from './template-error.ts';

/** Reads a template. */
export const parse = (template: string, vocabulary: Vocabulary): readonly Statement[] => {
  const chunks = lex(template);
  let at = 0;

  /** Reads statements up to one that is named in `ends`, which is left to the caller. */
  const parseBody = (opener: string, line: number, ends: readonly string[]): readonly Statement[] => {
    const body: Statement[] = [];
    for (; at < chunks.length; at++) {
      const chunk = chunks[at] as Chunk;
      if (chunk.kind === 'text') body.push(chunk);
      else if (chunk.kind === 'expression') {
        const reader = createReader(chunk.tokens, chunk.line, vocabulary);
        body.push({ kind: 'output', value: reader.tuple() });
        reader.end();
      } else {
        const name = chunk.tokens[0]?.text ?? '';
        if (ends.includes(name)) return body;
        at += 1;
        body.push(parseStatement(name, chunk));
      }
    }
    if (ends.length > 0) throw invalidTemplate(`"${opener}" is not closed.`, line);
    return body;
  };

  const open = (): ReturnType<typeof createReader> => {
    const chunk = chunks[at++] as Extract<Chunk, { kind: 'statement' }>;
    const reader = createReader(chunk.tokens, chunk.line, vocabulary);
    reader.skipName();
    return reader;
  };

  /** `at` is behind the statement; on return it is on the chunk that ends it, for the loop above to step over. */
  const parseStatement = (name: string, { tokens, line }: Extract<Chunk, { kind: 'statement' }>): Statement => {
    const reader = createReader(tokens, line, vocabulary);
    reader.skipName();
    const close = (): void => {
      open().end();
      at -= 1;
    };
    switch (name) {
      case 'set': {
        const target = reader.target(true);
        if (reader.take('=')) {
          const value = reader.tuple();
          reader.end();
          at -= 1;
          return { kind: 'set', target, value };
        }
        const filters = reader.filters();
        reader.end();
        const body = parseBody('set', line, ['endset']);
        close();
        return { kind: 'capture', target, body, filters };
      }
      case 'if': {
        const branches: { test: Expression; body: readonly Statement[] }[] = [];
        let otherwise: readonly Statement[] = [];
        let branch = reader;
        for (;;) {
          const test = branch.expression();
          branch.end();
          branches.push({ test, body: parseBody('if', line, ['elif', 'else', 'endif']) });
          if ((chunks[at] as { tokens: readonly Token[] }).tokens[0]?.text !== 'elif') break;
          branch = open();
        }
        if ((chunks[at] as { tokens: readonly Token[] }).tokens[0]?.text === 'else') {
          open().end();
          otherwise = parseBody('if', line, ['endif']);
        }
        close();
        return { kind: 'if', branches, otherwise };
      }
      case 'for': {
        const target = reader.target(false);
        reader.expectName('in');
        const over = reader.tuple(false);
        const condition = reader.takeName('if') ? reader.expression() : undefined;
        reader.end();
        const body = parseBody('for', line, ['else', 'endfor']);
        let otherwise: readonly Statement[] = [];
        if ((chunks[at] as { tokens: readonly Token[] }).tokens[0]?.text === 'else') {
          open().end();
          otherwise = parseBody('for', line, ['endfor']);
        }
        close();
        return { kind: 'for', target, over, condition, body, otherwise };
      }
      case 'with': {
        const bindings: [Target, Expression][] = [];
        while (!reader.atEnd()) {
          const target = reader.target(false);
          reader.expect('=');
          bindings.push([target, reader.expression()]);
          if (!reader.take(',')) break;
        }
        reader.end();
        const body = parseBody('with', line, ['endwith']);
        close();
        return { kind: 'with', bindings, body };
      }
      case 'filter': {
        const filters = reader.filters(true);
        reader.end();
        const body = parseBody('filter', line, ['endfilter']);
        close();
        return { kind: 'filtered', body, filters };
      }
      default:
        throw invalidTemplate(`The tag "${name}" is not known here.`, line);
    }
  };

  return parseBody('', 1, []);
};
