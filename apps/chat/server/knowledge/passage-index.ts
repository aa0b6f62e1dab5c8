/** The full-text index over the passages, on MiniSearch. Built once at start, in memory, in a few milliseconds. */
import MiniSearch, { type SearchResult } from 'minisearch';
import { splitBlocks } from '../../shared/split-blocks.ts';
import { isFence, type MarkdownDocument, type Passage, splitPassages } from './split-passages.ts';
import { relatedTerms, termsOf } from './terms.ts';

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
  /** How much a term tells: high for rare ones, highest for those that no passage has. */
  weightOf(term: string): number;
}

/** The share of the question's weight that a passage must cover. Below it, a match is chance. */
const MIN_COVERAGE = 0.4;
/** Passages that score less than this share of the best one are left out. */
const MIN_SHARE_OF_BEST = 0.4;

interface IndexedFields {
  id: string;
  path: string;
  document: string;
  trail: string;
  heading: string;
  prose: string;
  /** What stands between fences: names of functions are found there, but it explains little. */
  code: string;
}

const fields = ['heading', 'trail', 'document', 'prose', 'code', 'path'] as const;

/** Builds the index. An empty list of documents gives an index that finds nothing. */
export const createPassageIndex = (documents: readonly MarkdownDocument[]): PassageIndex => {
  const passages = documents.flatMap(splitPassages);
  const byId = new Map(passages.map((passage) => [passage.id, passage]));
  const frequency = new Map<string, number>();
  for (const passage of passages) {
    for (const term of new Set(termsOf(`${passage.document} ${passage.trail.join(' ')} ${passage.body}`)))
      frequency.set(term, (frequency.get(term) ?? 0) + 1);
  }
  const weightOf = (term: string) => Math.log(1 + passages.length / (frequency.get(term) ?? 0.5));

  const search = new MiniSearch<IndexedFields>({ fields: [...fields], tokenize: termsOf, processTerm: (term) => term });
  search.addAll(passages.map(toFields));

  return {
    size: passages.length,
    documents,
    passages,
    weightOf,
    search({ terms, context = [], wantsCode = false, without = new Set() }, limit) {
      const asked = [...new Set(terms)];
      const others = relatedTerms(asked);
      const all = [...asked, ...others, ...context.filter((term) => !asked.includes(term) && !others.includes(term))];
      const results = search.search(all.join(' '), {
        tokenize: (text) => text.split(' ').filter(Boolean),
        boost: { heading: 3, trail: 1.5, document: 1.5, code: 0.4, path: 0.5 },
        boostTerm: (term) => (asked.includes(term) ? 1 : others.includes(term) ? 0.35 : 0.3),
        prefix: (term) => term.length >= 4 && asked.includes(term),
        fuzzy: (term) => (term.length >= 5 && asked.includes(term) ? 0.2 : false),
        boostDocument: (id) => {
          const passage = byId.get(String(id));
          if (passage === undefined) return 1;
          const named = shareOf(termsOf(passage.heading), asked);
          const shown = wantsCode && passage.body.includes('```') ? 1.3 : 1;
          return audienceOf(passage.path) * shown * (1 + named);
        },
      });
      const wanted = asked.length > 0 ? asked : [...context];
      const answers = results.filter(
        (result) => !without.has(String(result.id)) && coverage(result, wanted, weightOf) >= MIN_COVERAGE,
      );
      const best = answers[0]?.score ?? 0;
      return answers
        .filter((result) => result.score >= best * MIN_SHARE_OF_BEST)
        .slice(0, limit)
        .map((result) => ({ passage: byId.get(String(result.id)) as Passage, score: result.score }));
    },
  };
};

const toFields = ({ id, path, document, trail, heading, body }: Passage): IndexedFields => {
  const [fenced, rest]: [string[], string[]] = [[], []];
  for (const block of splitBlocks(body)) (isFence(block) ? fenced : rest).push(block);
  return {
    id,
    path,
    document,
    heading,
    trail: trail.join(' '),
    prose: rest.join(''),
    // The language behind the fence is no word of the text.
    code: fenced.map((block) => block.replace(/^.*\n/, '')).join(''),
  };
};

/** Why the project is as it is interests fewer than how to use it. */
const audienceOf = (path: string): number => {
  if (path.startsWith('docs/decisions/')) return 0.5;
  return path.startsWith('apps/') ? 0.8 : 1;
};

/** How many of `terms` are among `others`, from 0 to 1. */
const shareOf = (terms: readonly string[], others: readonly string[]): number =>
  terms.length === 0 ? 0 : terms.filter((term) => others.includes(term)).length / terms.length;

/** The matched share of the question's weight: a word as it is counts whole, a related or similar one by half. */
const coverage = (result: SearchResult, terms: readonly string[], weightOf: (term: string) => number): number => {
  const exact = new Set(result.terms);
  const matched = new Set(result.queryTerms);
  let total = 0;
  let covered = 0;
  for (const term of terms) {
    const weight = weightOf(term);
    total += weight;
    if (exact.has(term)) covered += weight;
    else if (matched.has(term) || relatedTerms([term]).some((other) => exact.has(other))) covered += weight / 2;
  }
  return total === 0 ? 0 : covered / total;
};
