/**
 * Markdown in the blocks that are drawn: the top-level ones, but a long list in several. The whole of a block is parsed
 * at each delta, and to parse a list of some pages takes longer than a frame. The price: a screen reader counts the
 * items of each part.
 */
import { splitBlocks } from '../../shared/split-blocks.ts';

/** A list goes on in another block behind the first item that ends beyond this. */
const MAX_LIST_CHARS = 1_200;

const fence = /^\s*(?:`{3,}|~{3,})/;
/** The start of an item that is not nested, by its first letter: what cannot turn into something else. */
const itemStart = /^(?:([-*+])|(\d{1,9})([.)]))[ \t]+\S/;

/** The blocks of `text`; joined they are `text`. While it grows only the last one changes. */
export const cutBlocks = (text: string): readonly string[] =>
  splitBlocks(text).flatMap((block) =>
    block.length > MAX_LIST_CHARS && itemStart.test(block) ? cutList(block) : block,
  );

/** Whether a block is the same list as the one before it: two lists with the same kind of marker would be one. */
export const goesOn = (block: string, before: string | undefined): boolean => {
  const kind = kindOf(block);
  return kind !== undefined && before !== undefined && kindOf(before) === kind;
};

const kindOf = (block: string): string | undefined => {
  const start = itemStart.exec(block);
  return start === null ? undefined : (start[1] ?? start[3]);
};

const cutList = (list: string): readonly string[] => {
  const parts: string[] = [];
  const kind = kindOf(list);
  let start = 0;
  let isCode = false;
  for (let at = 0; at < list.length; ) {
    const newline = list.indexOf('\n', at);
    const end = newline === -1 ? list.length : newline + 1;
    const line = list.slice(at, end);
    if (fence.test(line)) isCode = !isCode;
    else if (!isCode && at - start > MAX_LIST_CHARS && kindOf(line) === kind && isCounted(line, list.slice(start))) {
      parts.push(list.slice(start, at));
      start = at;
    }
    at = end;
  }
  parts.push(list.slice(start));
  return parts;
};

/**
 * Whether a numbered list that begins with this line goes on counting. One whose items all say `1.` would begin again.
 */
const isCounted = (line: string, before: string): boolean =>
  Number(itemStart.exec(line)?.[2] ?? 1) > Number(itemStart.exec(before)?.[2] ?? 0);
