/** One run of the agent as ChatKit events: the bridge, and around it what this app adds. */
import { streamAgentResponse } from '@chatkit/agents';
import { smoothText } from '@chatkit/agents/text';
import { CustomStreamError, progressUpdate, type ThreadStreamEvent } from '@chatkit/core';
import { type RunState, run as runAgent } from '@openai/agents';
import { type DemoConverter, withSources } from './cite-passages.ts';
import type { AgentInput, DemoAgent } from './create-agent.ts';
import type { DemoContext } from './demo-context.ts';
import { type ModelName, noAnswer, toUserError } from './to-user-error.ts';

export interface DemoRunOptions {
  readonly agent: DemoAgent;
  readonly converter: DemoConverter;
  /** Absent: the model is ours, and neither needs announcing nor fails. */
  readonly model?: ModelName | undefined;
}

/** How many times the model is asked in one run, tools included. */
const MAX_TURNS = 8;

/**
 * Runs the agent on `input`, or goes on with a run that waited for approval. The model's request is aborted with the
 * context's signal. Errors that the user can do something about become a `CustomStreamError`, whose message the page
 * shows.
 */
export async function* streamRun(
  context: DemoContext,
  input: AgentInput | RunState<DemoContext, DemoAgent>,
  { agent, converter, model }: DemoRunOptions,
): AsyncGenerator<ThreadStreamEvent, void, void> {
  const { signal } = context;
  let shown = false;
  try {
    if (model !== undefined) yield progressUpdate(`Asking ${model.name}…`, { icon: 'document' });
    // A run that goes on brings the context that it was restored with.
    const given = Array.isArray(input) ? { context } : {};
    const result = await runAgent(agent, input, { stream: true, signal, maxTurns: MAX_TURNS, ...given });
    const events = streamAgentResponse(context, result, { converter });
    // A provider's text comes in bursts; ours has its pace.
    const flow = model === undefined ? events : smoothText(events);
    for await (const event of withSources(flow, context)) {
      shown ||= event.type === 'thread.item.done' && event.item.type !== 'workflow';
      yield event;
    }
  } catch (error) {
    if (signal.aborted) return;
    throw model === undefined ? error : toUserError(error, model);
  }
  if (signal.aborted || shown) return;
  throw new CustomStreamError(noAnswer(model?.name ?? 'The model'), { allowRetry: true });
}
