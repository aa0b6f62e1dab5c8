/** Puts the numbers of sources into the text, as links that the renderer shows as small marks. */
import type { Annotation } from '@chatkit/core';
import { splitBlocks } from '../../shared/split-blocks.ts';

/** The address of a mark: `#cite-2` for the second source. */
export const CITE = '#cite-';

/**
 * The blocks of an answer with a mark at each annotation's `index`, moved to the end of its line. Code and tables get
 * none: their sources are in the list below the answer.
 */
export const citeBlocks = (text: string, annotations: readonly Annotation[]): string[] => {
  let start = 0;
  return splitBlocks(text).map((block) => {
    const from = start;
    start += block.length;
    if (/^ {0,3}(?:```|~~~|\|)/.test(block)) return block;
    return annotations
      .map((annotation, order) => ({
        at: (annotation.index ?? -1) - from,
        mark: `[${order + 1}](${CITE}${order + 1})`,
      }))
      .filter(({ at }) => at > 0 && at <= block.length)
      .sort((a, b) => b.at - a.at)
      .reduce((cited, { at, mark }) => insertAtLineEnd(cited, at, mark), block);
  });
};

const insertAtLineEnd = (text: string, at: number, mark: string): string => {
  const newline = text.indexOf('\n', at);
  const end = text[at - 1] === '\n' ? at - 1 : newline === -1 ? text.length : newline;
  const line = text.slice(0, end);
  return `${line.trimEnd()}\u00a0${mark}${text.slice(end)}`;
};
