/** The thread so far, as the assistant reads it: from stored items to turns. */
import type { Store, ThreadItem, UserMessageItem } from '@chatkit/core';
import type { PastTurn } from './answer/read-question.ts';

export interface Turn extends PastTurn {
  readonly answer: string;
}

/** How many items are read back: enough for "it" and "more", and a bound on what a model is sent. */
const MAX_ITEMS = 40;

/** The turns before `input`, oldest first. Hidden items are left out. */
export const loadHistory = async <Context>(
  store: Store<Context>,
  input: UserMessageItem,
  context: Context,
): Promise<Turn[]> => {
  const page = await store.listItems(input.thread_id, { limit: MAX_ITEMS, order: 'desc' }, context);
  return toTurns(page.data.toReversed().filter((item) => item.id !== input.id));
};

/** Groups items to turns; each begins with a message of the user. */
export const toTurns = (items: readonly ThreadItem[]): Turn[] => {
  const turns: { question: string; answer: string; sourceUrls: string[] }[] = [];
  for (const item of items) {
    if (item.type === 'user_message') turns.push({ question: textOf(item), answer: '', sourceUrls: [] });
    if (item.type !== 'assistant_message') continue;
    const turn = turns.at(-1);
    if (turn === undefined) continue;
    turn.answer = [turn.answer, ...item.content.map((part) => part.text)].filter(Boolean).join('\n\n');
    for (const { source } of item.content.flatMap((part) => part.annotations))
      if (source.type === 'url') turn.sourceUrls.push(source.url);
  }
  return turns;
};

/** What the user wrote, tags included. */
export const textOf = (message: UserMessageItem): string => message.content.map((part) => part.text).join(' ');
