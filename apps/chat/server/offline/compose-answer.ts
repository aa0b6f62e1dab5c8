/**
 * Answers a question from passages, without a model: quotes the part of the best passage that covers the question, and
 * points at what else was found. Pure; the same question and index give the same answer.
 */
import { splitBlocks } from '../../shared/split-blocks.ts';
import { blocksOf, itemsOf, kindOf } from '../knowledge/blocks.ts';
import type { Relevance } from '../knowledge/concepts.ts';
import type { FoundPassage, PassageIndex } from '../knowledge/passage-index.ts';
import type { Passage } from '../knowledge/split-passages.ts';
import { quote } from './quote.ts';

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

const MAX_EXCERPT_CHARS = 260;
/** Of a question that is covered less than this only a part is answered. */
const MIN_COVERED = 0.42;
const FAR = 'I found nothing that covers the whole question. This comes nearest:';
/** What points elsewhere must have to do with the question at least, in its heading and its excerpt. */
const MIN_RELEVANCE = 0.4;

/** The answer from what was found, best first. `found` must not be empty. */
export const composeAnswer = (found: readonly FoundPassage[], relevance: Relevance, wantsCode = false): Answer => {
  const [best, ...others] = found;
  if (best === undefined) throw new RangeError('composeAnswer: nothing was found');
  const citations: Citation[] = [];
  const quoted = quote(best.passage, relevance, wantsCode);
  const { heading, document } = best.passage;
  const isNear = relevance(`${document} ${heading} ${quoted}`) >= MIN_COVERED;
  const lead = isNear ? quoted : `${FAR}\n\n${quoted}`;
  let text = lead;
  citations.push({ at: endOfProse(lead), passage: best.passage });

  const points = others.flatMap(({ passage }) => {
    const excerpt = excerptOf(passage, relevance);
    if (excerpt === undefined || lead.includes(excerpt)) return [];
    return relevance(`${passage.heading} ${excerpt}`) < MIN_RELEVANCE ? [] : [{ passage, excerpt }];
  });
  if (points.length > 0) text += '\n\n### See also\n\n';
  points.forEach(({ passage, excerpt }, index) => {
    text += `${index === 0 ? '' : '\n'}- **${titleOf(passage)}** ${excerpt}`;
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
      `I looked through all ${index.size} passages of this project's documentation and found nothing about “${topic}”. ${isForeign(question) ? 'It is in English, and so are the words that I search for: please ask in English.' : 'I only know what is written there.'}`,
      'It answers, among other things:',
      topicsOf(index, 6)
        .map((each) => `- ${each}`)
        .join('\n'),
      'Other words may help: the names of packages and functions work best.',
    ].join('\n\n'),
    citations: [],
  };
};

/** Another script, letters with accents, or words that English does not have and no question does without. */
const isForeign = (text: string): boolean =>
  /[^\p{Script=Latin}\p{Script=Common}\p{Script=Inherited}]|[à-öø-ÿąćęłńśźżğışčřšžőű]/iu.test(text) ||
  /(?:^|\s)(?:was|wie|ist|der|das|und|eine?r?|ich|kann|nicht|que|qu|est|les?|des|pour|une?|como|es|el|los|para|il|che|come|wat|het|een)(?=\s|['’?!.,]|$).*(?:^|\s)(?:das|der|die|ein|eine?r?|ist|es|ce|ça|que|le|la|les|une?|el|los|esto|che|è|het|dit)(?=\s|['’?!.,]|$)/i.test(
    text,
  );

/**
 * What can be asked: headings that are questions; without any, the titles of the documents, the shortest paths first.
 */
export const topicsOf = (index: PassageIndex, limit: number): string[] => {
  const questions = headingsOf(index.passages.filter(({ heading }) => heading.endsWith('?')));
  const titles = [...index.passages]
    .sort((a, b) => a.path.split('/').length - b.path.split('/').length)
    .map((passage) => passage.document);
  return [...new Set(questions.length >= limit ? spread(questions, limit) : titles)].slice(0, limit);
};

/** Of the document that has the most of them: one that answers what people ask, and not one that explains words. */
const headingsOf = (passages: readonly Passage[]): string[] => {
  const byPath = new Map<string, Passage[]>();
  for (const passage of passages) byPath.set(passage.path, [...(byPath.get(passage.path) ?? []), passage]);
  const most = [...byPath.values()].reduce((top, each) => (each.length > top.length ? each : top), []);
  return [...new Set((most.length >= 6 ? most : passages).map(({ heading }) => heading))];
};

/** Some of a list, from all over it. */
const spread = (list: readonly string[], limit: number): string[] =>
  list.filter((_, at) => at % Math.floor(list.length / limit) === 0);

/** A question says by itself what it is about; other headings need their document's title. */
const titleOf = ({ heading, document }: Passage): string => {
  if (heading.endsWith('?')) return heading;
  return heading === document ? `${document}.` : `${heading} (${document}).`;
};

/** The end of the last block that a citation can stand behind: not inside code or a table. */
const endOfProse = (text: string): number => {
  let at = 0;
  let end = 0;
  for (const block of splitBlocks(text)) {
    at += block.length;
    const shown = block.trimEnd();
    if (['prose', 'list'].includes(kindOf(shown))) end = at - (block.length - shown.length);
  }
  return end === 0 ? text.length : end;
};

/**
 * Whole sentences of a passage: its first ones if its heading is about the question, otherwise those that cover it
 * best.
 */
const excerptOf = ({ heading, body }: Passage, relevance: Relevance): string | undefined => {
  const startsWell = relevance(heading) >= 0.5;
  const sentences = blocksOf(body)
    .flatMap((block) => (kindOf(block) === 'list' ? itemsOf(block) : kindOf(block) === 'prose' ? [block] : []))
    .flatMap((block) =>
      block
        .replace(/^(?:[-*+]|\d+[.)])\s+(?:\[[ x]\]\s+)?/, '')
        // A label of its own would stand beside the heading that is put before the excerpt.
        .replace(/^\*\*[^*]{1,80}[.:?]\*\*\s+/, '')
        .replace(/\s+/g, ' ')
        .trim()
        .split(/(?<=[^\d][.!?])\s+(?=[\p{Lu}`*"“])/u),
    )
    .filter((sentence) => sentence.length > 20 && sentence.length <= MAX_EXCERPT_CHARS && !sentence.endsWith(':'));
  const best = sentences
    .map((sentence, index) => ({ sentence, index, score: startsWell && index === 0 ? 1 : relevance(sentence) }))
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
