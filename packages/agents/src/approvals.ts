/**
 * A person in the loop. A run that stops for the approval of tool calls becomes a `structured_input` item with one
 * question a call; the answer is applied to the run's saved state, and the run goes on.
 */
import type { StructuredInputItem } from '@chatkit/core';
import type { AgentContext } from './agent-context.ts';
import { type AgentRun, field, textField } from './agent-run.ts';
import type { ResponseStreamConverter } from './response-stream-converter.ts';

/** Where the state of a waiting run is kept: `thread.metadata`, which never leaves the server. */
const stateKey = 'agent_run_state';
const approve = 'Approve';
const reject = 'Reject';

/** The part of the SDK's `RunState` that answers need. */
export interface ApprovableState<Interruption> {
  getInterruptions(): Interruption[];
  approve(interruption: Interruption): void;
  reject(interruption: Interruption): void;
}

/** Asks the user about every tool call that waits, and keeps the run's state in the thread's metadata. */
export const requestApproval = <Context>(
  context: AgentContext<Context>,
  run: AgentRun,
  converter: ResponseStreamConverter,
): void => {
  const item: StructuredInputItem = {
    type: 'structured_input',
    id: context.createId('message'),
    thread_id: context.thread.id,
    created_at: context.timestamp(),
    status: 'pending',
    inputs: (run.interruptions ?? []).map((interruption) => ({
      type: 'multiple_choice',
      id: callIdOf(interruption),
      question: converter.approvalToQuestion(nameOf(interruption), argumentsOf(interruption)),
      options: [{ value: approve }, { value: reject }],
      multiple: false,
    })),
  };
  context.thread.metadata[stateKey] = saveState(run);
  context.stream({ type: 'thread.item.done', item });
};

/**
 * Takes the state of the run that waits for approval, if one does; it is taken once.
 *
 * @example
 * const saved = takeApprovalState(agentContext);
 * if (saved !== undefined) {
 *   const state = await RunState.fromStringWithContext(agent, saved, new RunContext(agentContext));
 *   applyApprovals(state, answeredItem);
 *   const result = await runAgent(agent, state, { stream: true, signal: run.signal });
 *   yield* streamAgentResponse(agentContext, result);
 * }
 */
export const takeApprovalState = <Context>(context: AgentContext<Context>): string | undefined => {
  const state = context.thread.metadata[stateKey];
  delete context.thread.metadata[stateKey];
  return typeof state === 'string' ? state : undefined;
};

/**
 * Applies the user's answers; a question that was skipped is a rejection.
 *
 * @example
 * applyApprovals(state, answeredItem); // then run the agent with `state`
 */
export const applyApprovals = <Interruption>(state: ApprovableState<Interruption>, item: StructuredInputItem): void => {
  const approved = new Set(
    item.inputs.filter((input) => input.answer?.values.includes(approve) === true).map((input) => input.id),
  );
  for (const interruption of state.getInterruptions()) {
    if (approved.has(callIdOf(interruption))) state.approve(interruption);
    else state.reject(interruption);
  }
};

/**
 * The state without the context: that holds a store and a user, belongs to this turn alone, and the SDK refuses to
 * write anything but plain data. The next turn brings its own.
 */
const saveState = (run: AgentRun): string => {
  const runContext = field(run, 'runContext') as { context: unknown } | undefined;
  if (runContext === undefined) return String(field(run, 'state'));
  const held = runContext.context;
  runContext.context = {};
  try {
    return String(field(run, 'state'));
  } finally {
    runContext.context = held;
  }
};

const callIdOf = (interruption: unknown): string =>
  textField(field(interruption, 'rawItem'), 'callId') ?? nameOf(interruption);

const nameOf = (interruption: unknown): string =>
  textField(field(interruption, 'rawItem'), 'name') ?? textField(interruption, 'name') ?? 'this tool';

const argumentsOf = (interruption: unknown): unknown => {
  const text = textField(field(interruption, 'rawItem'), 'arguments');
  if (text === undefined || text === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // A custom tool takes text of any form.
    return text;
  }
};
