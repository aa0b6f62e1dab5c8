/**
 * Handles a repeated tool output or a repeated answer to questions: the first attempt was stored, but the server died
 * before the client had the rest. Nothing is left to store. If what the assistant said after it is known to be
 * complete, or the conversation went on from there, it is sent as it is; otherwise it is removed and `respond()` is
 * called again.
 */
import {
  type ClientToolCallItem,
  isHiddenItem,
  itemDone,
  type StoredThread,
  type StructuredInputItem,
  type ThreadItem,
  type ThreadStreamEvent,
} from '@chatkit/core';
import type { ServerParts } from '../server-parts.ts';
import { itemsAfter } from './items-after.ts';
import type { Destination } from './prepare-turn.ts';
import { about, respondAfter, type Turn } from './turn.ts';

export const prepareGoOnAgain = <Context>(
  parts: ServerParts<Context>,
  stored: StoredThread,
  answered: ThreadItem,
  { hasAnswer }: Destination,
  context: Context,
): Turn => {
  const look = async () => {
    const later = (await itemsAfter(parts.store, stored.thread.id, answered.id, context)).reverse();
    const next = later.findIndex(({ type }) => type === 'user_message');
    const behind = next < 0 ? later : later.slice(0, next);
    const rest = behind.slice(behind.findLastIndex(isQuestion) + 1);
    return { behind, rest, isAnswered: next >= 0 || behind.some(isOpen) || (hasAnswer && rest.some(isShown)) };
  };
  const replaced: ThreadStreamEvent = { type: 'thread.item.replaced', item: answered };
  const turn: Turn = async (run) => {
    const { behind, rest, isAnswered } = await look();
    if (run.signal.aborted) return 'stopped';
    if (!isAnswered) {
      const takenBack = rest.map(({ id }): ThreadStreamEvent => ({ type: 'thread.item.removed', item_id: id }));
      return respondAfter(parts, stored, context, run, [replaced, ...takenBack]);
    }
    await run.writer.write(replaced);
    for (const item of behind.filter(isShown)) await run.writer.write(itemDone(item));
    return 'completed';
  };
  return about(parts, answered, context, turn);
};

/**
 * Whether the repeat equals what was stored, compared as JSON. Both were parsed from the same bytes, so keys have the
 * same order.
 */
export const saysTheSame = (stored: unknown, said: unknown): boolean => JSON.stringify(stored) === JSON.stringify(said);

const isShown = (item: ThreadItem): boolean => !isHiddenItem(item);

/** Whether an item is one that the assistant asks and the page answers. */
const isQuestion = (item: ThreadItem): item is ClientToolCallItem | StructuredInputItem =>
  item.type === 'client_tool_call' || item.type === 'structured_input';

const isOpen = (item: ThreadItem): boolean => isQuestion(item) && item.status === 'pending';
