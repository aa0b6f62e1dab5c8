/** From the terms of a question to what they may be called in the documents: as they are, mistyped, cut, or by another word. */
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
}

/** How much of the question a text covers, from 0 to 1. */
export type Relevance = (text: string) => number;

/** A word without any form in the documents counts as if that many passages had it: it may be chatter as well as the point. */
const UNKNOWN = 4;

const QUALITY = { related: 0.6, mistyped: 0.7, longer: 0.6 } as const;

/** The concepts of the terms, each once. */
export const conceptsOf = (terms: readonly string[], vocabulary: Vocabulary): Concept[] =>
  [...new Set(terms)].map((term) => {
    const forms = formsOf(term, vocabulary);
    const counts = [...forms].map(([form]) => vocabulary.frequency.get(form) ?? 0).filter((count) => count > 0);
    // A word that the documents do not have tells as much as the rarest of its forms.
    const count = vocabulary.frequency.get(term) ?? Math.min(...counts, vocabulary.passages);
    return { term, forms, weight: Math.log(1 + vocabulary.passages / (counts.length === 0 ? UNKNOWN : count + 0.5)) };
  });

/** The share of the concepts' weight that is in a list of terms. */
export const coverageOf = (concepts: readonly Concept[], has: (form: string) => boolean): number => {
  let total = 0;
  let covered = 0;
  for (const { weight, forms } of concepts) {
    total += weight;
    let best = 0;
    for (const [form, quality] of forms) if (quality > best && has(form)) best = quality;
    covered += weight * best;
  }
  return total === 0 ? 0 : covered / total;
};

/** A function that says how much of the concepts a text has. */
export const createRelevance =
  (concepts: readonly Concept[]): Relevance =>
  (text) => {
    const terms = new Set(termsOf(text));
    return coverageOf(concepts, (form) => terms.has(form));
  };

const formsOf = (term: string, { frequency }: Vocabulary): Map<string, number> => {
  const forms = new Map([[term, 1]]);
  for (const other of relatedTerms(term)) forms.set(other, QUALITY.related);
  if (frequency.has(term)) return forms;
  // A word that is in no passage may be a longer or shorter form of one that is, or mistyped.
  const found = forms.size > 1;
  for (const known of frequency.keys()) {
    if (isLonger(term, known)) forms.set(known, Math.max(forms.get(known) ?? 0, QUALITY.longer));
    else if (!found && isMistyped(term, known)) {
      forms.set(known, QUALITY.mistyped);
      for (const other of relatedTerms(known)) if (!forms.has(other)) forms.set(other, QUALITY.related / 2);
    }
  }
  return forms;
};

/** One begins with the other, and there is not much more to it. */
const isLonger = (term: string, known: string): boolean => {
  const [short, long] = term.length < known.length ? [term, known] : [known, term];
  return short.length >= 4 && long.length - short.length <= 4 && long.startsWith(short);
};

/** One letter in five may be wrong, missing, too many or in the wrong place; the first is right. */
const isMistyped = (term: string, known: string): boolean => {
  const allowed = term.length < 5 ? 0 : term.length < 8 ? 1 : 2;
  if (allowed === 0 || term[0] !== known[0] || Math.abs(term.length - known.length) > allowed) return false;
  return editDistance(term, known) <= allowed;
};

/** Letters to change, add, drop or swap with their neighbour. */
const editDistance = (a: string, b: string): number => {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
      next.push(cost);
    }
    [before, row] = [row, next];
  }
  return row[b.length] ?? 0;
};
