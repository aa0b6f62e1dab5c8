/**
 * Code in pieces of some lines, each coloured and laid out by itself: of code that is being written only the last one
 * changes.
 */
import { highlight } from './highlight.ts';

/** Lines of a piece at least. */
const LINES = 30;

/**
 * The pieces of `code`; joined they are `code`. Each ends with a line that is not empty, and outside of everything that
 * is coloured as one: a comment or a string over many lines is in one piece.
 */
export const cutCode = (code: string, language: string): readonly string[] => {
  const pieces: string[] = [];
  let start = 0;
  let lines = 0;
  let at = 0;
  for (const { kind, text } of highlight(code, language)) {
    for (let newline = text.indexOf('\n'); newline !== -1; newline = text.indexOf('\n', newline + 1)) {
      lines += 1;
      const end = at + newline + 1;
      if (kind !== 'plain' || lines < LINES || end === code.length || code[end - 2] === '\n') continue;
      pieces.push(code.slice(start, end));
      start = end;
      lines = 0;
    }
    at += text.length;
  }
  if (start < code.length) pieces.push(code.slice(start));
  return pieces;
};

export interface Fence {
  readonly language: string;
  readonly code: string;
}

/** A block that is code and nothing else, also before its end is written; `undefined`: Markdown has to be asked. */
export const fenceOf = (block: string): Fence | undefined => {
  const [head, marks = '', language = ''] = /^(`{3,}|~{3,})[ \t]*([\w+#.-]*)[ \t]*\n/.exec(block) ?? [];
  if (head === undefined) return undefined;
  const body = block.slice(head.length).trimEnd();
  const last = body.slice(body.lastIndexOf('\n') + 1);
  const isEnd = /^ {0,3}(?:`+|~+)$/.test(last) && last.trim().length >= marks.length && last.trim()[0] === marks[0];
  return { language, code: (isEnd ? body.slice(0, -last.length) : block.slice(head.length)).replace(/\n$/, '') };
};
