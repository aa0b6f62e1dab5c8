/**
 * What the assistant waits for: the output of a tool that the client runs, or the user's answers to its questions. Both
 * foreign protocols have a word for the first only, so questions are the call of one more tool of the client,
 * `structured_input`, whose output are the answers.
 */
import type {
  ChatKitRequestInput,
  ClientToolCallItem,
  StructuredInputItem,
  StructuredInputResult,
  ThreadItem,
} from '@chatkit/core';

/** An item that is a call. */
export type CallItem = ClientToolCallItem | StructuredInputItem;

/** The call that an item is. */
export interface ClientCall {
  readonly id: string;
  readonly name: string;
  readonly input: unknown;
  readonly isPending: boolean;
  /** The output, once it is there. */
  readonly output: unknown;
}

export const isCall = (item: ThreadItem): item is CallItem =>
  item.type === 'client_tool_call' || item.type === 'structured_input';

export const callOf = (item: CallItem): ClientCall => {
  const isPending = item.status === 'pending';
  if (item.type === 'client_tool_call') {
    const { call_id: id, name, arguments: input, output } = item;
    return { id, name, input, isPending, output: isPending ? undefined : (output ?? null) };
  }
  const { id, type: name, status, inputs } = item;
  const questions = inputs.map(({ answer: _answer, ...question }) => question);
  const answers = Object.fromEntries(
    inputs.flatMap(({ id: of, answer }) => (answer === undefined ? [] : [[of, answer]])),
  );
  return { id, name, input: { inputs: questions }, isPending, output: isPending ? undefined : { status, answers } };
};

/** The request that brings the output of a call. */
export const outputRequest = (item: CallItem, result: unknown): ChatKitRequestInput => {
  const { id: item_id, thread_id } = item;
  return item.type === 'client_tool_call'
    ? { type: 'threads.add_client_tool_output', params: { thread_id, item_id, result: result as never } }
    : { type: 'threads.add_structured_input', params: { thread_id, item_id, input: answersIn(result) } };
};

/** A client that has no answers, because its tool failed, has skipped the questions. The server checks the rest. */
const answersIn = (result: unknown): StructuredInputResult => {
  const isAnswered = typeof result === 'object' && result !== null && 'answers' in result;
  return isAnswered ? (result as StructuredInputResult) : { status: 'skipped', answers: {} };
};
