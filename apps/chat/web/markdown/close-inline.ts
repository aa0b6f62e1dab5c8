/**
 * Closes what the end of a half-written block leaves open, so that `**bold` does not show its asterisks until the rest
 * arrives. Only the last block of a streaming answer passes through here.
 */

/** `block` with open emphasis and code closed, and without the beginning of an unfinished link. */
export const closeInline = (block: string): string => {
  if (/^ {0,3}(?:```|~~~)/.test(block)) return block;
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
