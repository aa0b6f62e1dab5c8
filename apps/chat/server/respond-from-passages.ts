/** The assistant without a model: searches, composes, and writes at the pace of a person's reading. */
import {
  annotationAdded,
  assistantMessage,
  itemAdded,
  itemDone,
  partAdded,
  partDone,
  progressUpdate,
  type ThreadStreamEvent,
  textDelta,
  type UserMessageItem,
} from '@chatkit/core';
import type { Clock } from '@chatkit/stream';
import { toAnnotation } from './annotation.ts';
import { type Answer, composeAnswer, composeNothingFound } from './answer/compose-answer.ts';
import { pace, sleep } from './answer/pace.ts';
import { type PastTurn, readQuestion } from './answer/read-question.ts';
import { answerSmallTalk } from './answer/small-talk.ts';
import { textOf } from './history.ts';
import type { FoundPassage, PassageIndex } from './knowledge/passage-index.ts';
import { sourceUrl } from './source-url.ts';

export interface LocalOptions {
  readonly index: PassageIndex;
  readonly tokensPerSecond: number;
  /** A pause after each line of progress. */
  readonly thinkMs: number;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
}

/** How many passages an answer quotes or points at. */
export const MAX_PASSAGES = 3;

/** Answers `input` with events. Stops with the signal's reason when that aborts. */
export async function* respondFromPassages(
  input: UserMessageItem,
  past: readonly PastTurn[],
  signal: AbortSignal,
  { index, tokensPerSecond, thinkMs, clock, random }: LocalOptions,
): AsyncGenerator<ThreadStreamEvent, void, void> {
  const question = textOf(input);
  const intent = readQuestion(question, past);
  let answer: Answer;
  if (intent.kind === 'small_talk') {
    answer = answerSmallTalk(intent.talk, index);
  } else {
    yield progressUpdate(`Searching ${index.size} passages…`, { icon: 'search' });
    const found = findPassages(index, question, past);
    await sleep(thinkMs, clock, signal);
    yield progressUpdate(found.length === 0 ? 'Found nothing' : `Found ${found.length}`, { icon: 'document' });
    await sleep(thinkMs * 0.8, clock, signal);
    answer =
      found.length === 0
        ? composeNothingFound(question, index)
        : composeAnswer([...intent.terms, ...('context' in intent ? intent.context : [])], found, index.weightOf);
  }

  const message = assistantMessage({ thread_id: input.thread_id });
  yield itemAdded(message);
  yield partAdded(message.id);
  const annotations = answer.citations.map(({ at, passage }) => toAnnotation(passage, at));
  let written = 0;
  let cited = 0;
  for await (const chunk of pace(answer.text, { tokensPerSecond, signal, clock, random })) {
    yield textDelta(message.id, chunk);
    written += chunk.length;
    for (let next = annotations[cited]; next?.index !== undefined && next.index <= written; next = annotations[cited]) {
      yield annotationAdded(message.id, next, cited);
      cited += 1;
    }
  }
  const part = { text: answer.text, annotations };
  yield partDone(message.id, part);
  yield itemDone({ ...message, content: [{ type: 'output_text', ...part }] });
}

/** The passages for a question in the light of the turns before it, best first. Small talk finds nothing. */
export const findPassages = (index: PassageIndex, question: string, past: readonly PastTurn[]): FoundPassage[] => {
  const intent = readQuestion(question, past);
  if (intent.kind === 'small_talk') return [];
  if (intent.kind === 'overview')
    return index.passages
      .filter(({ path }) => path === 'README.md')
      .slice(0, 1)
      .map((passage) => ({ passage, score: 1 }));
  if (intent.kind === 'question') return index.search(intent, MAX_PASSAGES);
  const without = new Set(
    index.passages.filter((passage) => intent.shownUrls.has(sourceUrl(passage))).map((passage) => passage.id),
  );
  return index.search({ ...intent, without }, MAX_PASSAGES);
};
