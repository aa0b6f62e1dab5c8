/**
 * What is quoted of a passage: the part that answers, prose first, of a list the items and of a table the rows that
 * matter.
 */
import { blocksOf, itemsOf, kindOf, rowsOf, unitsOf } from '../knowledge/blocks.ts';
import type { Relevance } from '../knowledge/concepts.ts';
import type { Passage } from '../knowledge/split-passages.ts';

/** What is quoted of a passage at most, unless one block is longer. */
const MAX_CHARS = 1_000;
/** What is quoted at most of one that is about the question: as much as a passage holds. */
const MAX_WHOLE_CHARS = 1_600;
/** A passage whose heading says this much of the question is about it, from its first word to its last. */
const IS_ABOUT = 0.5;
/** A heading that says this much of it is the question. */
const IS_ASKED = 0.8;
/** A table or list that is the answer is kept whole up to here. */
const MAX_WHOLE = 8;
/** A row with more columns is easier to read in its table. */
const MAX_SAID_COLUMNS = 4;
/** How many rows or items are taken out of one that is about something else. */
const MAX_TAKEN = 3;
/** What a row or item has to do with the question, beside the best of its block, to be taken too. */
const MIN_SHARE_OF_BEST = 0.75;

/** The quote, under its heading. `wantsCode`: code counts as much as what is said about it, and may come first. */
export const quote = (passage: Passage, relevance: Relevance, wantsCode = false): string => {
  const isAbout = relevance(passage.heading) >= IS_ABOUT;
  const blocks = blocksOf(passage.body);
  const chosen = chooseBlocks(blocks, relevance, isAbout, wantsCode);
  const body = chosen.map((block) => shorten(block, relevance, isAbout)).join('\n\n');
  if (speaksForItself(passage.heading, body, relevance) || isSaid(chosen[0] ?? '', body)) return body;
  const heading = passage.heading.replace(/[\s.:]+$/, '');
  const runsOn = kindOf(body) === 'prose' && !body.startsWith('**');
  return runsOn ? `**${heading}${/[?!…]$/.test(heading) ? '' : '.'}** ${body}` : `**${heading}**\n\n${body}`;
};

/** A heading that asks what was asked need not be said again, unless the first word hangs on how it was asked. */
const speaksForItself = (heading: string, body: string, relevance: Relevance): boolean =>
  heading.endsWith('?') &&
  relevance(heading) >= IS_ASKED &&
  kindOf(body) === 'prose' &&
  !/^(?:Yes|No|Not|Both|In part|That|This|These|It|They)\b/.test(body);

/** A row in words begins with what it is about. */
const isSaid = (block: string, body: string): boolean => kindOf(block) === 'table' && body.startsWith('**');

/**
 * The blocks from the one that answers on. Of a passage that is about the question, from its beginning if that fits.
 */
const chooseBlocks = (
  blocks: readonly string[],
  relevance: Relevance,
  isAbout: boolean,
  wantsCode: boolean,
): readonly string[] => {
  const scores = blocks.map((block, at) => {
    const covered = Math.max(...unitsOf(block).map(relevance));
    if (kindOf(block) === 'code') return wantsCode ? covered + 0.5 : covered * 0.4;
    return covered + (at === 0 ? (isAbout ? 0.3 : 0.05) : 0);
  });
  const limit = isAbout ? MAX_WHOLE_CHARS : MAX_CHARS;
  let from = scores.indexOf(Math.max(...scores));
  let to = from + 1;
  const sizeOf = (at: number) => shorten(blocks[at] ?? '', relevance, isAbout).length;
  let length = sizeOf(from);
  const take = (at: number) => {
    length += sizeOf(at);
    from = Math.min(from, at);
    to = Math.max(to, at + 1);
  };
  // What is announced with a colon belongs to its announcement, whatever its length.
  while (blocks[from - 1]?.endsWith(':')) take(from - 1);
  while (to < blocks.length && blocks[to - 1]?.endsWith(':')) take(to);
  const startsWell = () => wantsCode || kindOf(blocks[from] ?? '') === 'prose';
  if (!startsWell() && from > 0 && kindOf(blocks[from - 1] ?? '') === 'prose' && length + sizeOf(from - 1) <= limit)
    take(from - 1);
  while (to < blocks.length && (isAbout || (scores[to] ?? 0) > 0) && length + sizeOf(to) <= limit) take(to);
  while (isAbout && from > 0 && length + sizeOf(from - 1) <= limit) take(from - 1);
  const chosen = blocks.slice(from, to);
  // An announcement without what it announces would be left hanging.
  if (chosen.length > 1 && chosen.at(-1)?.endsWith(':')) chosen.pop();
  return wantsCode ? chosen : proseFirst(chosen, blocks[to], from);
};

/** Code without a word before it is explained by what follows it; then that comes first. */
const proseFirst = (chosen: readonly string[], next: string | undefined, from: number): readonly string[] => {
  const [first = '', ...others] = chosen;
  if (from > 0 || kindOf(first) !== 'code') return chosen;
  const explains = (block: string | undefined) =>
    block !== undefined && kindOf(block) === 'prose' && !block.endsWith(':');
  if (others.length === 0) return explains(next) ? [next ?? '', first] : chosen;
  const [second = '', ...rest] = others;
  return explains(second) ? [second, first, ...rest] : chosen;
};

const shorten = (block: string, relevance: Relevance, isAbout: boolean): string => {
  const kind = kindOf(block);
  if (kind === 'list') {
    const items = itemsOf(block);
    return isAbout && items.length <= MAX_WHOLE ? block : bestOf(items, relevance, isAbout).join('\n');
  }
  if (kind !== 'table') return block;
  const { header, rule, rows } = rowsOf(block);
  if (isAbout && rows.length <= MAX_WHOLE) return block;
  const best = bestOf(rows, relevance, isAbout);
  const columns = cellsOf(header);
  return isAbout || columns.length > MAX_SAID_COLUMNS
    ? [header, rule, ...best].join('\n')
    : best.map((row) => inWords(row, columns)).join('\n\n');
};

/** Those that have most to do with the question, in their order. When none has, the first ones of what is about it. */
const bestOf = (parts: readonly string[], relevance: Relevance, isAbout: boolean): readonly string[] => {
  const scores = parts.map(relevance);
  const best = Math.max(...scores);
  if (best === 0) return isAbout ? parts.slice(0, MAX_WHOLE) : parts.slice(0, MAX_TAKEN);
  const limit = isAbout ? MAX_WHOLE : MAX_TAKEN;
  return parts.filter((_, at) => (scores[at] ?? 0) >= best * MIN_SHARE_OF_BEST).slice(0, limit);
};

/**
 * A row in words: what it is about, then its cells, with the names of their columns where one name does not do for all.
 */
const inWords = (row: string, columns: readonly string[]): string => {
  const [first = '', ...cells] = cellsOf(row);
  const namedFrom = columns.length > 3 ? 1 : 2;
  const parts = cells.flatMap((cell, at) => {
    const label = (columns[at + 1] ?? '').replace(/[?:]$/, '');
    if (cell === '' || cell === '–') return [];
    return at + 1 < namedFrom || label === '' ? [cell] : [`${label.charAt(0).toUpperCase()}${label.slice(1)}: ${cell}`];
  });
  const said = `${first === '' ? '' : `**${first}**: `}${parts.join('. ')}`;
  return /[.!?…]$/.test(said) ? said : `${said}.`;
};

const cellsOf = (row: string): string[] =>
  row
    .replace(/^\s*\|/, '')
    .replace(/\|\s*$/, '')
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll('\\|', '|'));
