/**
 * Closes what the end of a half-written block leaves open, so that `**bold` does not show its asterisks until the rest
 * arrives. Only the last block of a streaming answer passes through here.
 */

/**
 * `block` with open emphasis and code closed, without the beginning of an unfinished link, and with the head of a table
 * as one.
 */
export const closeInline = (block: string): string => {
  if (/^ {0,3}(?:```|~~~)/.test(block)) return block;
  // The mark of a list that is to come would make a heading of the line before it.
  if (/[^\n]\n {0,3}[-=]+[ \t]*$/.test(block)) return closeMarks(block.slice(0, block.lastIndexOf('\n')));
  if (/^ {0,3}\|[^\n]*\n[ :|-]+\n/.test(block)) {
    // What another cell leaves open is not for the last one to close.
    const at = Math.max(block.lastIndexOf('\n'), block.search(/(?<!\\)\|(?:\\.|[^\\|\n])*$/)) + 1;
    return block.slice(0, at) + closeMarks(block.slice(at));
  }
  const table = /^ {0,3}\|([^\n]*)(?:\n([ :|-]*))?$/.exec(block);
  return table === null ? closeMarks(block) : closeTable(closeMarks(table[1] ?? ''), table[2] ?? '');
};

/** A table is none before its second line says so. Until that is here the first is taken at its word. */
const closeTable = (head: string, line: string): string => {
  const count = cellsOf(head).length;
  if (head.trim() === '') return '';
  return cellsOf(line.replace(/^ *\|/, '')).length === count && line.includes('-')
    ? `|${head}\n${line}`
    : `|${head}\n|${'---|'.repeat(count)}`;
};

/** The cells of a row without its first bar. */
export const cellsOf = (row: string): string[] => row.replace(/(?<!\\)\|\s*$/, '').split(/(?<!\\)\|/);

const closeMarks = (block: string): string => {
  let text = block.replace(/!?\[[^\][\n]*(?:\]\([^)\s]*)?$/, (link) => link.replace(/^!?\[/, '').replace(/\].*$/, ''));
  const ticks = text.match(/`+/g) ?? [];
  const open = ticks.length % 2 === 1 ? ticks.at(-1) : undefined;
  if (open !== undefined) {
    // A lone tick at the end has nothing to close yet.
    return text.endsWith(open) ? text.slice(0, -open.length) : text + open;
  }
  const prose = text.replace(/`[^`]*`/g, '');
  if (count(prose, /\*\*/g) % 2 === 1) text = text.endsWith('**') ? text.slice(0, -2) : `${text.trimEnd()}**`;
  else if (/(?:^|\s)\*$/.test(text)) text = text.slice(0, -1);
  return text;
};

const count = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0;
