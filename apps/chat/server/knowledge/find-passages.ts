/** From a question to the passages that answer it. */
import type { FoundPassage, PassageIndex } from './passage-index.ts';
import { type PastTurn, readQuestion } from './read-question.ts';
import { sourceUrl } from './source-url.ts';

/** How many passages an answer quotes or points at. */
const MAX_PASSAGES = 3;

/** The passages for a question in the light of the turns before it, best first. Small talk finds nothing. */
export const findPassages = (index: PassageIndex, question: string, past: readonly PastTurn[]): FoundPassage[] => {
  const intent = readQuestion(question, past);
  if (intent.kind === 'small_talk') return [];
  if (intent.kind === 'overview')
    return index.passages
      .filter(({ path }) => path === 'README.md')
      .slice(0, 1)
      .map((passage) => ({ passage, score: 1 }));
  if (intent.kind === 'question') return withNamed(index, question, index.search(intent, MAX_PASSAGES));
  const without = new Set(
    index.passages.filter((passage) => intent.shownUrls.has(sourceUrl(passage))).map((passage) => passage.id),
  );
  return index.search({ ...intent, without }, MAX_PASSAGES);
};

/** "What is X?", where X is the title of a document: its beginning says that, whatever else scores better. */
const withNamed = (index: PassageIndex, question: string, found: FoundPassage[]): FoundPassage[] => {
  const title = /^what(?:['’]s| is| does) (\S*?[^\s?.!])(?: do| for)?[\s?.!]*$/i.exec(question.trim())?.[1];
  const passage = index.passages.find(({ document }) => document === title);
  if (passage === undefined) return found;
  const others = found.filter((each) => each.passage.id !== passage.id);
  return [{ passage, score: found[0]?.score ?? 1 }, ...others].slice(0, MAX_PASSAGES);
};
