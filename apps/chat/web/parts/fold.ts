/**
 * A long conversation is drawn from its end: what fills a screen at once, the rest above it bit by bit. Its Markdown
 * drawn in one piece would keep the page from answering to a key for half a second, on a phone for two.
 */
import type { ThreadItem } from '@chatkit/core';
import { answerOf } from './answer-of.ts';

/** Where what is drawn begins. */
export interface Fold {
  readonly itemId: string;
  /** The first of its blocks that is drawn. */
  readonly block: number;
}

/** What a block costs beside its characters: a rule or a question is not for nothing. */
const perBlock = 40;

const blocksOf = (item: ThreadItem | undefined): readonly string[] =>
  item?.type === 'assistant_message' ? answerOf(item).blocks : [];

/**
 * The fold `chars` characters further up, from the end where there is none yet; at least one block or question.
 * `undefined`: there is nothing above, or the item of the fold is gone.
 */
export const unfold = (items: readonly ThreadItem[], chars: number, fold?: Fold): Fold | undefined => {
  let index = fold === undefined ? items.length : items.findIndex(({ id }) => id === fold.itemId);
  let block = fold?.block ?? 0;
  for (let left = chars; left > 0; ) {
    if (block === 0) {
      index -= 1;
      block = blocksOf(items[index]).length;
    }
    if (index < 0) return undefined;
    block = Math.max(0, block - 1);
    left -= perBlock + (blocksOf(items[index])[block]?.length ?? 0);
  }
  const item = items[index];
  return item === undefined || (index === 0 && block === 0) ? undefined : { itemId: item.id, block };
};

/** An item that is drawn, and how many of its blocks are not yet. */
export interface Drawn {
  readonly item: ThreadItem;
  readonly hidden: number;
  /** The item behind it. */
  readonly next: ThreadItem | undefined;
}

/** What is drawn of a conversation: all of it where there is no fold, or its item is gone. */
export const drawnOf = (items: readonly ThreadItem[], fold: Fold | undefined): readonly Drawn[] => {
  const at = fold === undefined ? -1 : items.findIndex(({ id }) => id === fold.itemId);
  const from = Math.max(0, at);
  return items
    .slice(from)
    .map((item, i) => ({ item, hidden: from + i === at ? (fold?.block ?? 0) : 0, next: items[from + i + 1] }));
};
