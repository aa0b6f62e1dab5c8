/**
 * Human approval of tool calls. When a run stops for approval, a `structured_input` item asks one question per call;
 * the answers are applied to the run's saved state, and the run is resumed.
 */
import type { StructuredInputItem } from '@chatkit/core';
import type { AgentContext } from './agent-context.ts';
import { type AgentRun, field, textField } from './agent-run.ts';
import type { ResponseStreamConverter } from './response-stream-converter.ts';

/** The key of a waiting run's state in `thread.metadata`, which never leaves the server. */
const stateKey = 'agent_run_state';
const approve = 'Approve';
const reject = 'Reject';

/** The part of the SDK's `RunState` that answers need. */
export interface ApprovableState<Interruption> {
  getInterruptions(): Interruption[];
  approve(interruption: Interruption): void;
  reject(interruption: Interruption): void;
}

/** Asks the user about every waiting tool call, and saves the run's state in the thread's metadata. */
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
 * Removes and returns the state of the run that waits for approval, if there is one.
 *
 * @example
 * import { RunContext, RunState } from '@openai/agents';
 *
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
 * Applies the user's answers. A skipped question counts as a rejection.
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
 * Serializes the state without the context, which holds a store and a user and belongs to this turn only; the SDK
 * refuses to serialize anything but plain data. The next turn provides its own context.
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
    // A custom tool's arguments can be any text.
    return text;
  }
};
