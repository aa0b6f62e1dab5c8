/**
 * Answers a question from passages, without a model: quotes the part of the best passage that covers the question, and
 * points at what else was found. Pure; the same question and index give the same answer.
 */
import { splitBlocks } from '../../shared/split-blocks.ts';
import type { FoundPassage, PassageIndex } from '../knowledge/passage-index.ts';
import type { Passage } from '../knowledge/split-passages.ts';
import { termsOf } from '../knowledge/terms.ts';

/** Where a passage supports the text: `at` is the position in the text after which the source is named. */
export interface Citation {
  readonly at: number;
  readonly passage: Passage;
}

export interface Answer {
  /** Markdown. */
  readonly text: string;
  readonly citations: readonly Citation[];
}

/** What is quoted of the best passage at most, unless one block is longer. */
const MAX_LEAD_CHARS = 1_000;
const MAX_EXCERPT_CHARS = 260;
const MAX_ROWS = 16;

/** The answer from what was found, best first. `found` must not be empty. */
export const composeAnswer = (
  terms: readonly string[],
  found: readonly FoundPassage[],
  weightOf: PassageIndex['weightOf'],
): Answer => {
  const [best, ...others] = found;
  if (best === undefined) throw new RangeError('composeAnswer: nothing was found');
  const relevance = createRelevance(terms, weightOf);
  const citations: Citation[] = [];
  const lead = quote(best.passage, relevance);
  let text = lead;
  citations.push({ at: endOfProse(lead), passage: best.passage });

  const points = others.flatMap(({ passage }) => {
    const excerpt = bestSentences(passage.body, relevance);
    return excerpt === undefined || lead.includes(excerpt) ? [] : [{ passage, excerpt }];
  });
  if (points.length > 0) text += '\n\n### See also\n\n';
  points.forEach(({ passage, excerpt }, index) => {
    text += `${index === 0 ? '' : '\n'}- **${titleOf(passage)}.** ${excerpt}`;
    citations.push({ at: text.length, passage });
  });
  return { text, citations };
};

/** The answer when nothing was found: says so, and what there is. */
export const composeNothingFound = (question: string, index: PassageIndex): Answer => {
  if (index.size === 0)
    return { text: 'There is no Markdown in this checkout that I could answer from.', citations: [] };
  const shown = question
    .trim()
    .replace(/\s+/g, ' ')
    .replace(/[`*_[\]<>]/g, '');
  const topic = shown.length > 80 ? `${shown.slice(0, 79).trimEnd()}…` : shown;
  return {
    text: [
      `I looked through all ${index.size} passages of this project's documentation and found nothing about “${topic}”.`,
      `I only know what is written there. It covers, among other things:`,
      topicsOf(index, 6)
        .map((each) => `- ${each}`)
        .join('\n'),
      'Other words may help: the names of packages and functions work best.',
    ].join('\n\n'),
    citations: [],
  };
};

/** Headings that say what the documentation is about, one per document, the shortest paths first. */
export const topicsOf = (index: PassageIndex, limit: number): string[] => {
  const documents = new Map<string, string>();
  const byDepth = index.passages
    .filter((each) => !/^docs\/(?:decisions|benchmarks)\//.test(each.path))
    .sort((a, b) => a.path.split('/').length - b.path.split('/').length);
  for (const passage of byDepth) if (!documents.has(passage.path)) documents.set(passage.path, passage.document);
  return [...new Set(documents.values())].slice(0, limit);
};

type Relevance = (text: string) => number;

/** How much of the question a text covers: the sum of the weights of the terms that it has. */
const createRelevance = (terms: readonly string[], weightOf: PassageIndex['weightOf']): Relevance => {
  const weights = new Map(terms.map((term) => [term, weightOf(term)]));
  return (text) => {
    let sum = 0;
    for (const term of new Set(termsOf(text))) sum += weights.get(term) ?? 0;
    return sum;
  };
};

const titleOf = (passage: Passage): string =>
  passage.heading === passage.document ? passage.document : `${passage.heading} (${passage.document})`;

/** The blocks of a passage around the one that covers the question best, under its heading. */
const quote = (passage: Passage, relevance: Relevance): string => {
  const blocks = splitBlocks(passage.body).map((block) => block.trim());
  const scores = blocks.map((block, index) => relevance(block) + (index === 0 ? 0.5 : 0));
  let from = scores.indexOf(Math.max(...scores));
  let to = from + 1;
  let length = blocks[from]?.length ?? 0;
  const fits = (block: string | undefined): block is string =>
    block !== undefined && length + block.length <= MAX_LEAD_CHARS;
  const take = (block: string, step: -1 | 1) => {
    length += block.length;
    if (step === -1) from -= 1;
    else to += 1;
  };
  // What is announced with a colon belongs to its announcement, whatever its length.
  for (let before = blocks[from - 1]; before?.endsWith(':'); before = blocks[from - 1]) take(before, -1);
  for (let next = blocks[to]; next !== undefined && blocks[to - 1]?.endsWith(':'); next = blocks[to]) take(next, 1);
  for (let next = blocks[to]; fits(next); next = blocks[to]) take(next, 1);
  for (let before = blocks[from - 1]; fits(before); before = blocks[from - 1]) take(before, -1);
  const chosen = blocks.slice(from, to);
  // An announcement without what it announces would be left hanging.
  if (chosen.length > 1 && chosen.at(-1)?.endsWith(':')) chosen.pop();
  const body = chosen
    .map((block) => (isTable(block) ? relevantRows(block, relevance, passage.heading) : block))
    .join('\n\n');
  const heading = passage.heading.replace(/[\s.:]+$/, '');
  const runsOn = isProse(body) && !body.startsWith('**');
  return runsOn ? `**${heading}${/[?!…]$/.test(heading) ? '' : '.'}** ${body}` : `**${heading}**\n\n${body}`;
};

const isTable = (block: string): boolean => /^\|?[^\n]*\|[^\n]*\n *\|?[ :|-]*-[ :|-]*(?:\n|$)/.test(block);

/**
 * A table of a passage that is about the question is kept whole, unless it is very long. Of another one the rows are
 * taken that have to do with the question.
 */
const relevantRows = (table: string, relevance: Relevance, heading: string): string => {
  const [header = '', rule = '', ...rows] = table.split('\n');
  const relevant = rows.filter((row) => relevance(row) > 0);
  const limit = relevance(heading) > 0 ? MAX_ROWS : 4;
  return rows.length <= limit || relevant.length === 0 ? table : [header, rule, ...relevant].join('\n');
};

const isProse = (block: string): boolean => !/^(?:[`~]{3}|[-*+] |\d+[.)] |\||>|#)/.test(block);

/** The end of the last block that a citation can stand behind: not inside code or a table. */
const endOfProse = (text: string): number => {
  let at = 0;
  let end = 0;
  for (const block of splitBlocks(text)) {
    at += block.length;
    const shown = block.trimEnd();
    if (isProse(shown) || /^(?:[-*+]|\d+[.)]) /.test(shown)) end = at - (block.length - shown.length);
  }
  return end === 0 ? text.length : end;
};

/** The sentences of a passage that cover the question best, whole and in their order. */
const bestSentences = (body: string, relevance: Relevance): string | undefined => {
  const sentences = splitBlocks(body)
    .filter((block) => isProse(block) || /^[-*+] /.test(block))
    .flatMap((block) => block.split(/\n(?=[-*+] )/))
    .flatMap((block) =>
      block
        .replace(/^[-*+]\s+/, '')
        // A label of its own would stand beside the heading that is put before the excerpt.
        .replace(/^\*\*[^*]{1,40}[.:]\*\*\s+/, '')
        .replace(/\s+/g, ' ')
        .trim()
        .split(/(?<=[.!?])\s+(?=[\p{Lu}`*"“])/u),
    )
    .filter((sentence) => sentence.length > 20 && sentence.length <= MAX_EXCERPT_CHARS && !sentence.endsWith(':'));
  const best = sentences
    .map((sentence, index) => ({ sentence, index, score: relevance(sentence) }))
    .reduce<{ sentence: string; index: number; score: number } | undefined>(
      (top, each) => (top === undefined || each.score > top.score ? each : top),
      undefined,
    );
  if (best === undefined) return undefined;
  const next = sentences[best.index + 1];
  return next !== undefined && best.sentence.length + next.length < MAX_EXCERPT_CHARS
    ? `${best.sentence} ${next}`
    : best.sentence;
};
