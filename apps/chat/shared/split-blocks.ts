/**
 * Cuts Markdown into its top-level blocks, so that each can be rendered, cached or quoted by itself. While text arrives
 * only the last block changes: for every prefix of a text, all blocks but the last are blocks of the whole text too.
 */

interface ListKind {
  /** `-`, `*` or `+`; `1` for an ordered list. */
  readonly marker: string;
}

const heading = /^ {0,3}#{1,6}[ \t]/;
const fenceStart = /^ {0,3}(`{3,}|~{3,})/;
const bullet = /^ {0,3}([-*+])(?=[ \t]|$)/;
const ordered = /^ {0,3}\d{1,9}[.)](?=[ \t]|$)/;
/** The first item of a list that needs no empty line before it. In HTML, which goes on to one, it is text. */
const interrupts = /^ {0,3}(?:[-*+]|1[.)])[ \t]+\S/;
/** The start of a line that may still become an ordered item. */
const almostOrdered = /^ {0,3}\d{1,9}[.)]?$/;

/**
 * The blocks of `text`, in order; joined they are `text` again. A list with its nested content, a fence and a table are
 * one block each. Reads every line once.
 *
 * @example
 * splitBlocks('# Title\n\nText.\n'); // ['# Title\n\n', 'Text.\n']
 */
export const splitBlocks = (text: string): string[] => {
  const blocks: string[] = [];
  let start = 0;
  let fence: string | undefined;
  let list: ListKind | undefined;
  let afterBlank = false;
  let complete = false;
  for (let at = 0; at < text.length; ) {
    const newline = text.indexOf('\n', at);
    const end = newline === -1 ? text.length : newline + 1;
    const line = text.slice(at, newline === -1 ? end : newline);
    if (fence !== undefined) {
      if (closes(line, fence)) {
        fence = undefined;
        complete = list === undefined;
      }
    } else if (line.trim() === '') {
      afterBlank = true;
    } else {
      const opening = fenceStart.exec(line)?.[1];
      const begins =
        complete ||
        (list === undefined
          ? afterBlank || heading.test(line) || opening !== undefined || (interrupts.test(line) && text[start] !== '<')
          : afterBlank && !continues(line, list, newline === -1));
      if (begins || at === start) {
        if (at > start) blocks.push(text.slice(start, at));
        start = at;
        list = listOf(line);
        complete = heading.test(line);
      } else if (list !== undefined && /^ ?\S/.test(line) && interrupts.test(line)) {
        // A list right behind another one is in its block, and is the one that goes on behind an empty line.
        list = listOf(line);
      }
      fence = list === undefined || at !== start ? (opening ?? nestedFence(line, list)) : undefined;
      afterBlank = false;
    }
    at = end;
  }
  if (start < text.length) blocks.push(text.slice(start));
  return blocks;
};

const listOf = (line: string): ListKind | undefined => {
  const marker = bullet.exec(line)?.[1] ?? (ordered.test(line) ? '1' : undefined);
  return marker === undefined ? undefined : { marker };
};

const continues = (line: string, list: ListKind, unfinished: boolean): boolean =>
  /^(?: {2}|\t)/.test(line) ||
  listOf(line)?.marker === list.marker ||
  (unfinished && list.marker === '1' && almostOrdered.test(line));

/** A fence inside a list item, indented to its content. */
const nestedFence = (line: string, list: ListKind | undefined): string | undefined =>
  list === undefined ? undefined : /^\s*(`{3,}|~{3,})/.exec(line)?.[1];

const closes = (line: string, fence: string): boolean => {
  const rest = line.trim();
  return rest.length >= fence.length && rest === fence.charAt(0).repeat(rest.length);
};
