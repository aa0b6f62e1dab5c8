/**
 * A long table in tables of some rows each, for a parser that is to read only the last of them at a delta. They are
 * drawn as one.
 */
import { cellsOf } from './close-inline.ts';

/** A part goes on to the first row that ends beyond this. */
const MAX_CHARS = 1_200;

const rule = /^ {0,3}\|(?:[ \t]*:?-+:?[ \t]*\|)+[ \t]*$/;

/**
 * The parts of a block that is a table and nothing else, each with the head of it, and with what stands behind the
 * table (the addresses of links). `undefined`: it is another block, or too short to be cut.
 */
export const cutTable = (block: string): readonly string[] | undefined => {
  if (block.length < MAX_CHARS || !/^ {0,3}\|/.test(block)) return undefined;
  const [head = '', line = '', ...lines] = block.split('\n');
  if (!rule.test(line) || countOf(head) !== countOf(line)) return undefined;
  const end = lines.findIndex((row) => row.trim() === '');
  const rows = end === -1 ? lines : lines.slice(0, end);
  if (rows.some((row) => !/^ {0,3}\|/.test(row))) return undefined;
  const rest = end === -1 ? '' : lines.slice(end).join('\n').trim();
  const behind = rest === '' ? '' : `\n\n${rest}\n`;
  const parts: string[][] = [[]];
  let chars = 0;
  for (const row of rows) {
    if (chars > MAX_CHARS) {
      parts.push([]);
      chars = 0;
    }
    parts.at(-1)?.push(row);
    chars += row.length;
  }
  return parts.map((part) => [head, line, ...part].join('\n') + behind);
};

const countOf = (row: string): number => cellsOf(row.replace(/^ *\|/, '')).length;
