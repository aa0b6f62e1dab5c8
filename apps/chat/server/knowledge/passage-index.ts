/**
 * The full-text index over the passages: BM25 with fields, and a passage scores by the paragraph, item or row of it that
 * has most of the question, not by words that stand far apart. Built once at start, in memory, in a few milliseconds.
 */
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

/** What a term counts by where it stands, and how much a long field takes from it (`b` of BM25). */
const fields = {
  heading: { boost: 4, b: 0.5 },
  trail: { boost: 1.2, b: 0.5 },
  document: { boost: 1.2, b: 0.5 },
  path: { boost: 0.5, b: 0 },
  prose: { boost: 1, b: 0.6 },
  table: { boost: 0.8, b: 0.4 },
  code: { boost: 0.3, b: 0.75 },
} as const;
type Field = keyof typeof fields;
const fieldNames = Object.keys(fields) as Field[];
/** Where a second mention stops to count (`k1` of BM25). */
const SATURATION = 1.2;

interface Entry {
  readonly passage: Passage;
  readonly counts: Readonly<Record<Field, ReadonlyMap<string, number>>>;
  readonly lengths: Readonly<Record<Field, number>>;
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
  const vocabulary = { passages: passages.length, frequency };
  const means = Object.fromEntries(
    fieldNames.map((field) => [field, entries.reduce((sum, { lengths }) => sum + lengths[field], 0) / entries.length]),
  ) as Record<Field, number>;

  const scoreOf = (entry: Entry, { weight, forms }: Concept): number => {
    let sum = 0;
    for (const [form, quality] of forms) {
      if (!entry.all.has(form)) continue;
      for (const field of fieldNames) {
        const count = entry.counts[field].get(form);
        if (count === undefined) continue;
        const { boost, b } = fields[field];
        sum += (quality * boost * count) / (1 - b + (b * entry.lengths[field]) / means[field]);
      }
    }
    return (weight * sum) / (sum + SATURATION);
  };

  return {
    size: passages.length,
    documents,
    passages,
    relevanceTo: (terms) => createRelevance(conceptsOf(terms, vocabulary)),
    search({ terms, context = [], wantsCode = false, without = new Set() }, limit) {
      const asked = conceptsOf(terms.length > 0 ? terms : context, vocabulary);
      const before = terms.length > 0 ? conceptsOf(context, vocabulary) : [];
      const found: FoundPassage[] = [];
      for (const entry of entries) {
        const { passage } = entry;
        if (without.has(passage.id)) continue;
        if (coverageOf(asked, (form) => entry.all.has(form)) < MIN_COVERAGE) continue;
        const words =
          asked.reduce((sum, concept) => sum + scoreOf(entry, concept), 0) +
          CONTEXT * before.reduce((sum, concept) => sum + scoreOf(entry, concept), 0);
        const together = Math.max(...entry.units.map((unit) => coverageOf(asked, (form) => unit.has(form))));
        const named = coverageOf(asked, (form) => entry.headings.has(form)) * focusOf(entry, asked);
        const shown = (wantsCode && entry.hasCode ? 1.2 : 1) * (entry.opens ? OPENS : 1);
        found.push({ passage, score: words * (0.4 + together) * (1 + named) * shown * audienceOf(passage) });
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
  const terms = mapFields((field) => termsOf(text[field].join('\n')));
  return {
    passage,
    counts: mapFields((field) => count(terms[field])),
    lengths: mapFields((field) => terms[field].length),
    all: new Set(fieldNames.flatMap((field) => terms[field])),
    headings,
    hasCode: /^```(?:[jt]sx?)$/m.test(body),
    opens: before?.path !== passage.path || before.heading !== passage.heading,
    units,
  };
};

const mapFields = <Value>(fn: (field: Field) => Value): Record<Field, Value> =>
  Object.fromEntries(fieldNames.map((field) => [field, fn(field)])) as Record<Field, Value>;

const count = (terms: readonly string[]): Map<string, number> => {
  const counts = new Map<string, number>();
  for (const term of terms) counts.set(term, (counts.get(term) ?? 0) + 1);
  return counts;
};

/** How much of the heading is about the question, from 0 to 1. One that asks several questions counts by the nearest. */
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
  [/^packages\/(?:stream|testing|transport|doctor)\//, 0.75],
];

/** A heading that is a question stands above an answer to it. */
const ANSWERS = 1.3;

const audienceOf = ({ path, heading }: Passage): number =>
  (audiences.find(([pattern]) => pattern.test(path))?.[1] ?? 1) * (heading.endsWith('?') ? ANSWERS : 1);
