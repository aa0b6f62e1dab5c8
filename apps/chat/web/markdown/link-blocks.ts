/**
 * What Markdown says in one place and means in another: `[text][label]` with its address at the end, and footnotes.
 * Blocks are rendered each by itself, so each is given what it needs of the others.
 */

/** The address of a footnote's mark: `#note-1`. */
export const NOTE = '#note-';

export interface Note {
  readonly label: string;
  readonly text: string;
}

const fence = /^ {0,3}(?:```|~~~)/;
const definition = /^ {0,3}\[(?!\^)([^[\]\n]+)\]:[ \t]*\S[^\n]*$/gm;
const noteStart = /^ {0,3}\[\^([^[\]\s]+)\]:/;
const noteStarts = new RegExp(noteStart, 'gm');
/** Code, in which brackets are brackets, or the mark of a footnote. */
const codeOrMark = /(`+)[\s\S]*?\1|\[\^([^[\]\s]+)\](?!:)/g;

/**
 * The blocks, those that refer to a definition of another with it, and the marks of footnotes as links to
 * `#note-<label>`.
 */
export const linkBlocks = (blocks: readonly string[]): readonly string[] => {
  const prose = blocks.filter((block) => block.includes(']:') && !fence.test(block));
  if (prose.length === 0) return blocks;
  const links = new Map<string, string>();
  const notes = new Set<string>();
  for (const block of prose) {
    for (const [line, label = ''] of block.matchAll(definition))
      if (!links.has(keyOf(label))) links.set(keyOf(label), line.trim());
    for (const [, label = ''] of block.matchAll(noteStarts)) notes.add(label);
  }
  return blocks.map((block) => {
    if (!block.includes('[') || fence.test(block)) return block;
    const marked = block.replace(codeOrMark, (whole, _ticks, label: string | undefined) =>
      label !== undefined && notes.has(label) ? `[${label}](${NOTE}${encodeURIComponent(label)})` : whole,
    );
    const needed = new Set(
      [...block.matchAll(/\[([^[\]\n]+)\](?!:)/g)].flatMap(([, label = '']) => links.get(keyOf(label)) ?? []),
    );
    return needed.size === 0 ? marked : `${marked.trimEnd()}\n\n${[...needed].join('\n')}\n`;
  });
};

/** The footnotes of a block that has nothing else to show; `undefined`: it is another. */
export const notesOf = (block: string): readonly Note[] | undefined => {
  if (!block.includes('[^')) return undefined;
  const links = block.match(definition) ?? [];
  const shown = block.replace(definition, '').trim();
  if (!noteStart.test(shown)) return undefined;
  return shown.split(/^(?= {0,3}\[\^[^[\]\s]+\]:)/m).map((part) => ({
    label: noteStart.exec(part)?.[1] ?? '',
    text: [part.replace(noteStart, '').trim(), ...links].join('\n\n'),
  }));
};

const keyOf = (label: string): string => label.trim().replace(/\s+/g, ' ').toLowerCase();
