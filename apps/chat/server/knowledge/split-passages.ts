/** Cuts a Markdown file into passages: one per heading, long sections at their paragraphs. */
import { splitBlocks } from '../../shared/split-blocks.ts';
import { kindOf } from './blocks.ts';

/** A Markdown file of the project. */
export interface MarkdownDocument {
  /** Relative to the root of the repository, with `/`. */
  readonly path: string;
  readonly text: string;
}

/** A part of a document that can be found and quoted by itself. */
export interface Passage {
  /** Unique in the index: `README.md#3`. */
  readonly id: string;
  readonly path: string;
  /** The document's title: its first heading, or its path. */
  readonly document: string;
  /** The headings above this passage, outermost first, without the document's title. */
  readonly trail: readonly string[];
  /** The nearest heading. */
  readonly heading: string;
  /** Markdown without the heading. */
  readonly body: string;
}

/** Longer sections are cut where a paragraph ends: about what fits on a phone's screen. */
const MAX_PASSAGE_CHARS = 1_600;
/** Shorter ones say nothing by themselves. */
const MIN_PASSAGE_CHARS = 24;

/**
 * The passages of a document, in order. HTML, comments and images are left out; relative links become links to
 * `/source/<path>`, where the demo serves the file.
 */
export const splitPassages = ({ path, text }: MarkdownDocument): Passage[] => {
  const sections = splitSections(withoutFrontMatter(text.replaceAll('\r\n', '\n')));
  const document = sections.find((each) => each.level === 1)?.heading ?? path;
  const trail: { level: number; heading: string }[] = [];
  const passages: Passage[] = [];
  for (const { level, heading, blocks } of sections) {
    while (trail.length > 0 && (trail.at(-1)?.level ?? 0) >= level) trail.pop();
    if (level > 1) trail.push({ level, heading });
    const cleaned = blocks.map((block) => clean(block, path)).filter((block) => block.trim() !== '');
    for (const body of pack(cleaned)) {
      if (body.length < MIN_PASSAGE_CHARS) continue;
      const headings = trail.map((each) => each.heading);
      passages.push({
        id: `${path}#${passages.length}`,
        path,
        document,
        trail: headings,
        heading: headings.at(-1) ?? document,
        body,
      });
    }
  }
  return passages;
};

interface Section {
  level: number;
  heading: string;
  blocks: string[];
}

const splitSections = (text: string): Section[] => {
  const sections: Section[] = [{ level: 0, heading: '', blocks: [] }];
  for (const block of splitBlocks(text)) {
    const heading = /^ {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*(?:\n|$)/.exec(block);
    if (heading === null) sections.at(-1)?.blocks.push(block);
    else sections.push({ level: heading[1]?.length ?? 1, heading: plainText(heading[2] ?? ''), blocks: [] });
  }
  return sections;
};

/** Joins blocks to bodies of at most `MAX_PASSAGE_CHARS`, unless one block alone is longer. */
const pack = (blocks: readonly string[]): string[] => {
  const bodies: string[] = [];
  for (const block of blocks) {
    const last = bodies.at(-1);
    const joined = last === undefined ? undefined : `${last}\n\n${block.trimEnd()}`;
    // A paragraph that announces what follows ("…:") stays with it.
    if (joined !== undefined && (joined.length <= MAX_PASSAGE_CHARS || last?.endsWith(':')))
      bodies.splice(-1, 1, joined);
    else bodies.push(block.trimEnd());
  }
  return bodies;
};

const withoutFrontMatter = (text: string): string => text.replace(/^---\n[\s\S]*?\n---\n/, '');

const clean = (block: string, path: string): string => {
  if (kindOf(block) === 'code') return block;
  // Inline code is put aside, so that what looks like a tag in it stays, and links around it are seen whole.
  const code: string[] = [];
  const masked = block.replace(/`+[^`]*`+/g, (text) => `\0${code.push(text) - 1}\0`);
  return cleanProse(masked, path).replace(/\0(\d+)\0/g, (_, at: string) => code[Number(at)] ?? '');
};

const cleanProse = (text: string, path: string): string =>
  text
    .replace(/<!--[\s\S]*?-->/g, '')
    .replace(/<\/?[a-z][^>\n]*>/gi, '')
    .replace(/\[!\[[^\]]*\]\([^)]*\)\]\([^)]*\)/g, '')
    .replace(/!\[[^\]]*\]\([^)]*\)/g, '')
    .replace(/\[([^\]]*)\]\(([^)\s]+)\)/g, (_, text: string, target: string) => {
      const link = resolveLink(target, path);
      return link === undefined ? text : `[${text}](${link})`;
    });

/** `undefined` for a file that the demo does not serve: its name stays, without a link. */
const resolveLink = (target: string, path: string): string | undefined => {
  if (/^[a-z][a-z+.-]*:/i.test(target) || target.startsWith('//')) return target;
  const { pathname } = new URL(target, `file:///${path}`);
  return pathname.endsWith('.md') ? `/source${pathname}` : undefined;
};

const plainText = (markdown: string): string =>
  markdown
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/<[^>]*>/g, '')
    .replace(/[`*]/g, '')
    .trim();
