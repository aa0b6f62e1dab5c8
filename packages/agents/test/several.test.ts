// Runs of the real SDK with several agents, or with several tools at a time, on each kind of model.
import { emptyThreadState, reduceThread, selectItems, type ThreadStreamEvent } from '@chatkit/core';
import { createOrderChecker } from '@chatkit/core/order';
import {
  Agent,
  type Model,
  OpenAIChatCompletionsModel,
  OpenAIResponsesModel,
  type RunContext,
  run as runAgent,
  setTracingDisabled,
  tool,
} from '@openai/agents';
import { aisdk } from '@openai/agents-extensions/ai-sdk';
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type AgentContext, streamAgentResponse } from '../src/index.ts';
import { aiFinish, aiText, scriptedAiModel } from './scripted-ai.ts';
import { chatCompletion, responsesStream, scriptedOpenAI } from './scripted-openai.ts';
import { createContext } from './scripted-run.ts';

beforeAll(() => setTracingDisabled(true));

/** What a model says when it is asked once. */
interface Answer {
  readonly says?: string;
  readonly calls?: readonly string[];
}

const responsesAnswer = ({ says, calls = [] }: Answer, id: string): object[] => {
  const content = [{ type: 'output_text', text: says, annotations: [] }];
  const message = { id: `msg_${id}`, type: 'message', role: 'assistant', status: 'completed', content };
  const at = { item_id: message.id, output_index: 0, content_index: 0 };
  const called = calls.map((name, index) => {
    const ids = { id: `fc_${id}_${index}`, call_id: `call_${id}_${index}` };
    return { type: 'function_call', ...ids, name, arguments: '{}', status: 'completed' };
  });
  const said = says === undefined ? [] : [message];
  return responsesStream(
    `resp_${id}`,
    [...said, ...called],
    [
      ...said.flatMap((item) => [
        { type: 'response.output_item.added', output_index: 0, item: { ...item, content: [] } },
        { type: 'response.output_text.delta', ...at, delta: says },
        { type: 'response.output_item.done', output_index: 0, item },
      ]),
      ...called.map((item, index) => ({ type: 'response.output_item.done', output_index: index + said.length, item })),
    ],
  );
};

const chatAnswer = ({ says, calls = [] }: Answer, id: string): object[] =>
  chatCompletion(
    id,
    [
      ...(says === undefined ? [] : [{ content: says }]),
      ...calls.map((name, index) => ({
        tool_calls: [{ index, id: `call_${id}_${index}`, type: 'function', function: { name, arguments: '{}' } }],
      })),
    ],
    calls.length > 0 ? 'tool_calls' : 'stop',
  );

const aiAnswer = ({ says, calls = [] }: Answer, id: string) => [
  ...(says === undefined ? [] : aiText([says])),
  ...calls.map((toolName, index) => ({
    type: 'tool-call' as const,
    toolCallId: `call_${id}_${index}`,
    toolName,
    input: '{}',
  })),
  aiFinish(calls.length > 0 ? 'tool-calls' : 'stop'),
];

let models = 0;
/** Ids of its own, as a provider gives them. */
const idsOf = (answers: readonly Answer[]) => {
  models += 1;
  return answers.map((answer, index) => [answer, `${models}_${index}`] as const);
};

const kinds: Record<string, (...answers: Answer[]) => Model> = {
  'chat completions': (...answers) =>
    new OpenAIChatCompletionsModel(scriptedOpenAI(idsOf(answers).map((each) => chatAnswer(...each))), 'm'),
  Responses: (...answers) =>
    new OpenAIResponsesModel(scriptedOpenAI(idsOf(answers).map((each) => responsesAnswer(...each))) as never, 'm'),
  'the AI SDK': (...answers) => aisdk(scriptedAiModel(idsOf(answers).map((each) => aiAnswer(...each)))) as Model,
};

type Context = AgentContext<string>;

const shown = async (agent: Agent<Context>): Promise<unknown[]> => {
  const context = await createContext();
  const run = await runAgent(agent, 'Hi', { stream: true, context });
  const checker = createOrderChecker();
  const events: ThreadStreamEvent[] = [];
  for await (const event of streamAgentResponse(context, run)) {
    expect(checker.check(event)).toBeUndefined();
    events.push(event);
  }
  return selectItems(events.reduce(reduceThread, emptyThreadState)).map((item) => {
    if (item.type === 'assistant_message') return item.content.map(({ text }) => text).join('');
    return item.type === 'workflow'
      ? item.workflow.tasks.map((task) => `${task.type === 'custom' ? task.title : task.type} ${task.status_indicator}`)
      : item.type;
  });
};

/** A tool that shows its work as a task, and is done, or fails, when it is let go. */
const worker = (name: string, gate: Promise<unknown>, fails = false) =>
  tool({
    name,
    description: name,
    parameters: z.object({}),
    async execute(_input, runContext?: RunContext<Context>) {
      const { context } = runContext as RunContext<Context>;
      const index = context.addWorkflowTask({ type: 'custom', title: name, status_indicator: 'loading' });
      await gate;
      context.updateWorkflowTask({ type: 'custom', title: name, status_indicator: fails ? 'none' : 'complete' }, index);
      if (fails) throw new Error('a secret');
      return 'done';
    },
  });

describe.each(Object.entries(kinds))('%s', (_, model) => {
  test('an agent hands over to another: both are heard, each in a message of its own', async () => {
    const other = new Agent<Context>({ name: 'Other', model: model({ says: 'I know.' }) });
    const first = new Agent<Context>({
      name: 'First',
      model: model({ says: 'Let me ask.', calls: ['transfer_to_Other'] }),
      handoffs: [other],
    });
    expect(await shown(first)).toEqual(['Let me ask.', 'I know.']);
  });

  test('and back, with a tool in between', async () => {
    const handoffs: Agent<Context>[] = [];
    const first = new Agent<Context>({
      name: 'First',
      model: model({ says: 'Let me ask.', calls: ['transfer_to_Other'] }, { says: 'It is so.' }),
      handoffs,
    });
    const other = new Agent<Context>({
      name: 'Other',
      model: model({ calls: ['look'] }, { calls: ['transfer_to_First'] }),
      tools: [worker('look', Promise.resolve())],
      handoffs: [first],
    });
    handoffs.push(other);
    expect(await shown(first)).toEqual(['Let me ask.', ['look complete'], 'It is so.']);
  });

  test('tools at the same time have a task each, whichever is done first, and one that fails stops nobody', async () => {
    let end = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const last = tool({
      name: 'last',
      description: 'Ends the others.',
      parameters: z.object({}),
      execute: () => {
        end();
        return 'done';
      },
    });
    const agent = new Agent<Context>({
      name: 'A',
      model: model({ calls: ['slow', 'broken', 'quick', 'last'] }, { says: 'All seen.' }),
      tools: [
        worker('slow', ended),
        worker('broken', Promise.resolve(), true),
        worker('quick', Promise.resolve()),
        last,
      ],
    });
    expect(await shown(agent)).toEqual([['slow complete', 'broken none', 'quick complete'], 'All seen.']);
  });

  test('an output guardrail of the agent that was handed to takes back what both have said', async () => {
    const trip = { name: 'trip', execute: async () => ({ tripwireTriggered: true, outputInfo: {} }) };
    const other = new Agent<Context>({
      name: 'Other',
      model: model({ says: 'Something rude.' }),
      outputGuardrails: [trip],
    });
    const first = new Agent<Context>({
      name: 'First',
      model: model({ says: 'Let me ask.', calls: ['transfer_to_Other'] }),
      handoffs: [other],
    });
    const context = await createContext();
    const run = await runAgent(first, 'Hi', { stream: true, context });
    let state = emptyThreadState;
    const reading = (async () => {
      for await (const event of streamAgentResponse(context, run)) state = reduceThread(state, event);
    })();
    await expect(reading).rejects.toThrow(/guardrail/i);
    expect(selectItems(state)).toEqual([]);
  });
});
