/**
 * The full-text index over the passages. MiniSearch says how well the words of a passage fit (BM25 by fields); what is
 * added here is that a passage scores by the paragraph, item or row of it that has most of the question, not by words
 * that stand far apart. Built once at start, in memory, in a few milliseconds.
 */
import MiniSearch from 'minisearch';
import { blocksOf, kindOf, unitsOf } from './blocks.ts';
import { type Concept, conceptsOf, coverageOf, createRelevance, type Relevance } from './concepts.ts';
import { type MarkdownDocument, type Passage, splitPassages } from './split-passages.ts';
import { termsOf } from './terms.ts';

/** What to look for. */
export interface PassageQuery {
  /** Terms of the question. */
  readonly terms: readonly string[];
  /** Terms of earlier questions; they help to choose, and weigh less. */
  readonly context?: readonly string[] | undefined;
  /** Prefer passages with code. */
  readonly wantsCode?: boolean | undefined;
  /** Ids of passages to leave out. */
  readonly without?: ReadonlySet<string> | undefined;
}

/** A passage that answers, with its score (only good for comparing within one search). */
export interface FoundPassage {
  readonly passage: Passage;
  readonly score: number;
}

export interface PassageIndex {
  /** How many passages there are. */
  readonly size: number;
  readonly documents: readonly MarkdownDocument[];
  readonly passages: readonly Passage[];
  /** The passages that answer the query, best first, at most `limit`. Nothing when only unimportant terms match. */
  search(query: PassageQuery, limit: number): FoundPassage[];
  /** Says of any text how much of a question it covers. */
  relevanceTo(terms: readonly string[]): Relevance;
}

/** The share of the question's weight that a passage must cover. Below it, a match is chance. */
const MIN_COVERAGE = 0.4;
/** Passages that score less than this share of the best one are left out. */
const MIN_SHARE_OF_BEST = 0.5;
/** A section says at its beginning what it is about. */
const OPENS = 1.15;
/** What the question before counts beside the question itself. */
const CONTEXT = 0.3;

/** What a term counts by where it stands. */
const boost = { heading: 2.5, trail: 1.2, document: 1.2, path: 0.5, prose: 1, table: 0.8, code: 0.3 } as const;
type Field = keyof typeof boost;
const fields = Object.keys(boost) as Field[];

interface Entry {
  readonly passage: Passage;
  readonly text: Readonly<Record<Field, string>>;
  readonly all: ReadonlySet<string>;
  readonly headings: ReadonlySet<string>;
  /** Code of a program; commands are none. */
  readonly hasCode: boolean;
  /** It is the first passage of its section. */
  readonly opens: boolean;
  readonly units: readonly ReadonlySet<string>[];
}

/** Builds the index. An empty list of documents gives an index that finds nothing. */
export const createPassageIndex = (documents: readonly MarkdownDocument[]): PassageIndex => {
  const passages = documents.flatMap(splitPassages);
  const entries = passages.map((passage, at) => toEntry(passage, passages[at - 1]));
  const frequency = new Map<string, number>();
  for (const { all } of entries) for (const term of all) frequency.set(term, (frequency.get(term) ?? 0) + 1);
  const words = new MiniSearch<Record<Field, string> & { id: number }>({
    fields,
    tokenize: termsOf,
    processTerm: (term) => term,
  });
  words.addAll(entries.map(({ text }, id) => ({ id, ...text })));
  const vocabulary = { passages: passages.length, frequency, similarTo: (term: string) => similarTo(words, term) };

  return {
    size: passages.length,
    documents,
    passages,
    relevanceTo: (terms) => createRelevance(conceptsOf(terms, vocabulary)),
    search({ terms, context = [], wantsCode = false, without = new Set() }, limit) {
      const asked = conceptsOf(terms.length > 0 ? terms : context, vocabulary);
      const before = terms.length > 0 ? conceptsOf(context, vocabulary) : [];
      const found: FoundPassage[] = [];
      for (const { id, score } of wordScores(words, asked, before)) {
        const entry = entries[id] as Entry;
        const { passage } = entry;
        if (without.has(passage.id)) continue;
        if (coverageOf(asked, (form) => entry.all.has(form)) < MIN_COVERAGE) continue;
        const together = Math.max(...entry.units.map((unit) => coverageOf(asked, (form) => unit.has(form))));
        const named = coverageOf(asked, (form) => entry.headings.has(form)) * focusOf(entry, asked);
        const shown = (wantsCode && entry.hasCode ? 1.2 : 1) * (entry.opens ? OPENS : 1);
        found.push({ passage, score: score * (0.4 + together) * (1 + named) * shown * audienceOf(passage) });
      }
      found.sort((a, b) => b.score - a.score);
      const best = found[0]?.score ?? 0;
      return found.filter(({ score }) => score >= best * MIN_SHARE_OF_BEST).slice(0, limit);
    },
  };
};

const toEntry = (passage: Passage, before: Passage | undefined): Entry => {
  const { document, trail, heading, path, body } = passage;
  const text: Record<Field, string[]> = {
    heading: [heading],
    trail: [...trail],
    document: [document],
    path: [path],
    prose: [],
    table: [],
    code: [],
  };
  const headings = new Set(termsOf(`${heading} ${trail.join(' ')}`));
  const around = termsOf(`${heading} ${trail.join(' ')} ${document}`);
  const units: Set<string>[] = [];
  for (const block of blocksOf(body)) {
    const kind = kindOf(block);
    // The language behind the fence is no word of the text.
    const content = kind === 'code' ? block.replace(/^.*\n/, '') : block;
    text[kind === 'code' || kind === 'table' ? kind : 'prose'].push(content);
    for (const unit of unitsOf(content)) units.push(new Set([...termsOf(unit), ...around]));
  }
  const joined = Object.fromEntries(fields.map((field) => [field, text[field].join('\n')])) as Record<Field, string>;
  return {
    passage,
    text: joined,
    all: new Set(fields.flatMap((field) => termsOf(joined[field]))),
    headings,
    hasCode: /^```(?:[jt]sx?)$/m.test(body),
    opens: before?.path !== passage.path || before.heading !== passage.heading,
    units,
  };
};

type Words = MiniSearch<Record<Field, string> & { id: number }>;

/**
 * How well the words of each passage fit, each concept by the best of its forms and those of earlier questions by less.
 */
const wordScores = (words: Words, asked: readonly Concept[], before: readonly Concept[]) => {
  const weights = new Map<string, number>();
  const add = (concepts: readonly Concept[], factor: number) => {
    for (const { forms } of concepts)
      for (const [form, quality] of forms) weights.set(form, Math.max(weights.get(form) ?? 0, factor * quality));
  };
  add(before, CONTEXT);
  add(asked, 1);
  return (
    words
      .search([...weights.keys()].join(' '), {
        tokenize: (text) => text.split(' ').filter(Boolean),
        boost,
        bm25: { k: 1.2, b: 0.5, d: 0 },
        boostTerm: (term) => weights.get(term) ?? 0,
      })
      // The number of words that fit is a factor of its scores: long tables, which mention everything, would come
      // first.
      .map(({ id, score, queryTerms }) => ({ id: id as number, score: score / queryTerms.length }))
  );
};

/** The words of the passages that begin like a term, or differ from it by a slip of the hand. */
const similarTo = (words: Words, term: string): string[] => [
  ...new Set(
    words
      .search(term, { tokenize: (text) => [text], prefix: term.length >= 4, fuzzy: term.length >= 5 ? 0.2 : false })
      .flatMap(({ terms }) => terms),
  ),
];

/**
 * How much of the heading is about the question, from 0 to 1. One that asks several questions counts by the nearest.
 */
const focusOf = ({ passage }: Entry, asked: readonly Concept[]): number => {
  const shares = passage.heading.split(/[?:]/).map((part) => {
    const terms = [...new Set(termsOf(part))];
    return terms.length === 0
      ? 0
      : terms.filter((term) => asked.some(({ forms }) => forms.has(term))).length / terms.length;
  });
  return Math.max(...shares);
};

/** How to use the project interests more people than why it is as it is, and what was measured. */
const audiences: readonly (readonly [RegExp, number])[] = [
  [/^docs\/decisions\//, 0.33],
  [/^docs\/benchmarks\//, 0.5],
  [/^docs\/guides\/troubleshooting\.md$/, 1.2],
  [/^docs\/guides\/streams\//, 0.7],
  [/^docs\/reference\//, 0.8],
  [/^CONTRIBUTING\.md$/, 0.8],
  [/^apps\//, 0.7],
  [/^packages\/testing\//, 0.5],
  [/^packages\/(?:stream|transport|doctor)\//, 0.75],
];

/** A heading that is a question stands above an answer to it. */
const ANSWERS = 1.3;

const audienceOf = ({ path, heading }: Passage): number =>
  (audiences.find(([pattern]) => pattern.test(path))?.[1] ?? 1) * (heading.endsWith('?') ? ANSWERS : 1);
