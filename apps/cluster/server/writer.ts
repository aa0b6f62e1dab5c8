/**
 * Stands in for a model: writes the words of a text of known length at an even pace. `wordsOf(n)` is what a whole
 * answer must be, so a reader can tell a gap or a repeat from the text alone: every word carries its number.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { assistantMessage, itemAdded, itemDone, type ThreadStreamEvent, textDelta } from '@chatkit/core';

const sentence = 'an answer is a log and whoever reads it may read it from anywhere'.split(' ');

export const wordAt = (index: number): string => `${index + 1}.${sentence[index % sentence.length]} `;

export const wordsOf = (count: number): string => Array.from({ length: count }, (_, index) => wordAt(index)).join('');

/** "Write 40 words." → 40. */
export const wordCount = (text: string): number => Number(/(\d{1,5}) words/.exec(text)?.[1] ?? 150);

export interface Writing {
  threadId: string;
  words: number;
  tokenMs: number;
  signal: AbortSignal;
  onWord: (written: number) => void;
}

/** The events of one answer. */
export async function* write({ threadId, words, tokenMs, signal, onWord }: Writing): AsyncGenerator<ThreadStreamEvent> {
  const message = assistantMessage({ thread_id: threadId });
  yield itemAdded(message);
  for (let index = 0; index < words; index += 1) {
    await sleep(tokenMs, undefined, { signal });
    yield textDelta(message.id, wordAt(index));
    onWord(index + 1);
  }
  yield itemDone(assistantMessage({ ...message, text: wordsOf(words), content: undefined }));
}
