/** What the blocks of a passage are, and the parts that each can be cut into. */
import { splitBlocks } from '../../shared/split-blocks.ts';

export type BlockKind = 'prose' | 'list' | 'table' | 'code' | 'quote';

export const kindOf = (block: string): BlockKind => {
  if (/^ {0,3}(?:```|~~~)/.test(block)) return 'code';
  if (/^\|?[^\n]*\|[^\n]*\n *\|?[ :|-]*-[ :|-]*(?:\n|$)/.test(block)) return 'table';
  if (/^(?:[-*+]|\d+[.)]) /.test(block)) return 'list';
  return block.startsWith('>') ? 'quote' : 'prose';
};

/** The blocks of a passage, without the space around them. */
export const blocksOf = (body: string): string[] => splitBlocks(body).map((block) => block.trim());

/** The items of a list, each with what is nested in it. */
export const itemsOf = (list: string): string[] => list.split(/\n(?=(?:[-*+]|\d+[.)]) )/);

/** The lines of a table: its header, the rule below it, and its rows. */
export const rowsOf = (table: string): { header: string; rule: string; rows: string[] } => {
  const [header = '', rule = '', ...rows] = table.split('\n');
  return { header, rule, rows };
};

/** What says one thing: a paragraph, an item of a list, a row of a table, a piece of code. */
export const unitsOf = (block: string): string[] => {
  switch (kindOf(block)) {
    case 'list':
      return itemsOf(block);
    case 'table':
      return rowsOf(block).rows;
    default:
      return [block];
  }
};
