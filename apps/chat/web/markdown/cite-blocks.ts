/** Puts the numbers of sources into the text, as links that the renderer shows as small marks. */
import type { Annotation } from '@chatkit/core';

/** The address of a mark: `#cite-2` for the second source. */
export const CITE = '#cite-';

/**
 * The blocks of an answer with a mark at each annotation's `index`, moved to the end of its line. Code and tables get
 * none: their sources are in the list below the answer.
 */
export const citeBlocks = (blocks: readonly string[], annotations: readonly Annotation[]): readonly string[] => {
  const marks = annotations
    .map(({ index = -1 }, order) => ({ index, mark: `[${order + 1}](${CITE}${order + 1})` }))
    .sort((a, b) => b.index - a.index);
  if (marks.length === 0) return blocks;
  let end = 0;
  return blocks.map((block) => {
    const start = end;
    end += block.length;
    const own = marks.filter(({ index }) => index > start && index <= end);
    if (own.length === 0 || /^ {0,3}(?:```|~~~|\|)/.test(block)) return block;
    return own.reduce((cited, { index, mark }) => insertAtLineEnd(cited, index - start, mark), block);
  });
};

const insertAtLineEnd = (text: string, at: number, mark: string): string => {
  const newline = text.indexOf('\n', at);
  const end = text[at - 1] === '\n' ? at - 1 : newline === -1 ? text.length : newline;
  const line = text.slice(0, end);
  return `${line.trimEnd()}\u00a0${mark}${text.slice(end)}`;
};
