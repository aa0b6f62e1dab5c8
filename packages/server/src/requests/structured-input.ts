/**
 * `threads.add_structured_input`: the user's answers to questions from the assistant. As in the Python SDK, unknown
 * question ids are ignored, a question without an answer counts as skipped, a single choice keeps its first value, and
 * values that were not offered are custom answers.
 */
import {
  ChatKitError,
  type ChatKitRequestOf,
  type StructuredInput,
  type StructuredInputAnswer,
  type StructuredInputItem,
  type StructuredInputResult,
} from '@chatkit/core';
import type { ServerParts } from '../server-parts.ts';
import { prepareGoOnAgain, saysTheSame } from './go-on-again.ts';
import type { Destination } from './prepare-turn.ts';
import { about, loadItemOf, respondAfter, type Turn } from './turn.ts';

export const prepareAddStructuredInput = async <Context>(
  parts: ServerParts<Context>,
  to: Destination,
  { thread_id, item_id, input }: ChatKitRequestOf<'threads.add_structured_input'>['params'],
  context: Context,
): Promise<Turn> => {
  const stored = await parts.store.loadThread(thread_id, context);
  const item = await loadItemOf(parts, thread_id, item_id, 'structured_input', context);
  if (item.status !== 'pending') {
    const answered = withAnswers(item, input);
    if (to.isRepeat && saysTheSame(answered, item)) return prepareGoOnAgain(parts, stored, item, to, context);
    throw new ChatKitError('item.not_pending', 'These questions have been answered already.', {
      details: { path: 'params.item_id' },
    });
  }
  return about(parts, item, context, (run) =>
    respondAfter(parts, stored, context, run, [{ type: 'thread.item.replaced', item: withAnswers(item, input) }]),
  );
};

/** The item with the user's answers in it. */
export const withAnswers = (item: StructuredInputItem, result: StructuredInputResult): StructuredInputItem => ({
  ...item,
  status: result.status,
  inputs: item.inputs.map((input) => ({ ...input, answer: answerTo(input, result) })),
});

const answerTo = (input: StructuredInput, { status, answers }: StructuredInputResult): StructuredInputAnswer => {
  const given = Object.hasOwn(answers, input.id) ? answers[input.id] : undefined;
  if (status === 'skipped' || given === undefined || given.skipped || given.values.length === 0) {
    return { values: [], skipped: true };
  }
  const single = input.type === 'multiple_choice' && !input.multiple;
  return { values: single ? given.values.slice(0, 1) : [...given.values], skipped: false };
};
