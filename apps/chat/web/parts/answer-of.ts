/** What is drawn of an assistant's message: worked out once, since a message is drawn more often than it changes. */
import type { Annotation, AssistantMessageItem } from '@chatkit/core';
import { citeBlocks } from '../markdown/cite-blocks.ts';
import { cutBlocks } from '../markdown/cut-blocks.ts';
import { type Grown, grow } from '../markdown/grow.ts';

export interface AnswerParts {
  readonly text: string;
  readonly annotations: readonly Annotation[];
  /** The blocks of the text, with the marks of its sources. */
  readonly blocks: readonly string[];
}

const known = new WeakMap<AssistantMessageItem, AnswerParts>();
/** Of the one that was worked out last: while it is written, the next one goes on from it. */
let latest: { readonly id: string; readonly grown: Grown } | undefined;

/** The text of a message with its sources, in blocks. The same object for the same item. */
export const answerOf = (item: AssistantMessageItem): AnswerParts => {
  const before = known.get(item);
  if (before !== undefined) return before;
  const text = item.content.map((part) => part.text).join('\n\n');
  const annotations = item.content.flatMap((part) => part.annotations);
  const grown = grow(cutBlocks, text, latest?.id === item.id ? latest.grown : undefined);
  latest = { id: item.id, grown };
  const answer = { text, annotations, blocks: citeBlocks(grown.pieces, annotations) };
  known.set(item, answer);
  return answer;
};
