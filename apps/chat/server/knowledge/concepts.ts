/**
 * From the terms of a question to what they may be called in the documents: as they are, mistyped, cut, or by another
 * word.
 */
import { relatedTerms } from './synonyms.ts';
import { termsOf } from './terms.ts';

/** A word of the question. */
export interface Concept {
  readonly term: string;
  /** How much it tells: high when few passages have it. */
  readonly weight: number;
  /** What a passage may call it, and how well that says the same, from 0 to 1. */
  readonly forms: ReadonlyMap<string, number>;
}

/** In how many passages each term is. */
export interface Vocabulary {
  readonly passages: number;
  readonly frequency: ReadonlyMap<string, number>;
  /** The terms of the passages that are nearly this one. */
  similarTo(term: string): readonly string[];
}

/** How much of the question a text covers, from 0 to 1. */
export type Relevance = (text: string) => number;

/**
 * A word without any form in the documents counts as if that many passages had it: it may be chatter as well as the
 * point.
 */
const UNKNOWN = 4;

const QUALITY = { related: 0.6, similar: 0.5 } as const;

/** The concepts of the terms, each once. */
export const conceptsOf = (terms: readonly string[], vocabulary: Vocabulary): Concept[] =>
  [...new Set(terms)].map((term) => {
    const forms = formsOf(term, vocabulary);
    const counts = [...forms].map(([form]) => vocabulary.frequency.get(form) ?? 0).filter((count) => count > 0);
    // A word that the documents do not have tells as much as the rarest of its forms.
    const count = vocabulary.frequency.get(term) ?? Math.min(...counts, vocabulary.passages);
    return { term, forms, weight: Math.log(1 + vocabulary.passages / (counts.length === 0 ? UNKNOWN : count + 0.5)) };
  });

/** The share of the concepts' weight that is in a list of terms; all of it where nothing is asked for. */
export const coverageOf = (concepts: readonly Concept[], has: (form: string) => boolean): number => {
  let total = 0;
  let covered = 0;
  for (const { weight, forms } of concepts) {
    total += weight;
    let best = 0;
    for (const [form, quality] of forms) if (quality > best && has(form)) best = quality;
    covered += weight * best;
  }
  return total === 0 ? 1 : covered / total;
};

/** A function that says how much of the concepts a text has. */
export const createRelevance =
  (concepts: readonly Concept[]): Relevance =>
  (text) => {
    const terms = new Set(termsOf(text));
    return coverageOf(concepts, (form) => terms.has(form));
  };

const formsOf = (term: string, { frequency, similarTo }: Vocabulary): Map<string, number> => {
  const forms = new Map([[term, 1]]);
  for (const other of relatedTerms(term)) forms.set(other, QUALITY.related);
  if (frequency.has(term)) return forms;
  // A word that is in no passage may be a form of one that is, or mistyped.
  for (const known of similarTo(term)) {
    forms.set(known, Math.max(forms.get(known) ?? 0, QUALITY.similar));
    for (const other of relatedTerms(known)) if (!forms.has(other)) forms.set(other, QUALITY.related / 2);
  }
  return forms;
};
