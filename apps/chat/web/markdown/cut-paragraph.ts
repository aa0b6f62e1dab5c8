/**
 * A long paragraph in pieces of some sentences, for a parser that is to read only the last of them at a delta. They are
 * drawn as one.
 */

/** A piece ends at the first space beyond this at which nothing is open. */
const MAX_CHARS = 1_200;

const letter = /\p{L}/u;
const space = /\s/;
/** A line that may begin another block, or end this one: not with a word, a quotation, emphasis, code or a number. */
const otherLine = /\n(?!\p{L}|["'“‘«(]|\*{1,3}[\p{L}\d]|`[^`\n]|[02-9]|1[^.)\s])/u;

/**
 * The pieces of a block that is prose and nothing else; joined by spaces they are the text, but for the ends of its
 * lines. While it grows by prose each but the last stays as it is. No emphasis, code or link is in two of them.
 * `undefined`: it is another block, or too short.
 */
export const cutParagraph = (block: string): readonly string[] | undefined => {
  const line = block.trimEnd();
  // What begins with a letter is no list, heading, table or quotation, and neither is a piece of it.
  if (line.length < MAX_CHARS || !letter.test(line[0] ?? '') || line.includes('\\') || otherLine.test(line))
    return undefined;
  const pieces: string[] = [];
  let start = 0;
  /** The number of ticks that code was begun with. */
  let code = 0;
  /** What is open: brackets by what closes them, and marks of emphasis. */
  const open: string[] = [];
  const close = (mark: string): void => {
    if (open.at(-1) === mark) open.pop();
    // Whoever closes what is not open has written something odd: nothing is cut behind it.
    else if (open.length > 0) open.push('odd');
  };
  for (let at = 0; at < line.length; at += 1) {
    const char = line[at] as string;
    if (char === ' ' || char === '\n') {
      const isPlace = at - start > MAX_CHARS && code === 0 && open.length === 0 && letter.test(line[at + 1] ?? '');
      // Two spaces in front of it are a line break.
      if (!isPlace || (char === '\n' && line[at - 1] === ' ')) continue;
      pieces.push(line.slice(start, at));
      start = at + 1;
    } else if (char === '`') {
      const ticks = runAt(line, at).length;
      if (code === 0) code = ticks;
      else if (code === ticks) code = 0;
      at += ticks - 1;
    } else if (code > 0) continue;
    else if (char === '[' || char === '(') open.push(char === '[' ? ']' : ')');
    else if (char === ']' || char === ')') close(char);
    else if (char === '*' || char === '_' || char === '~') {
      const mark = runAt(line, at);
      const before = line[at - 1] ?? ' ';
      const after = line[at + mark.length] ?? ' ';
      if (/[\s([{"'“‘]/.test(before)) open.push(...(space.test(after) ? [] : [mark]));
      else if (char !== '_' || !letter.test(before) || !letter.test(after)) close(mark);
      at += mark.length - 1;
    }
  }
  pieces.push(line.slice(start));
  return pieces;
};

/** A character as many times as it stands at a place. */
const runAt = (text: string, at: number): string => {
  let end = at;
  while (text[end] === text[at]) end += 1;
  return text.slice(at, end);
};
