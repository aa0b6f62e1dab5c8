import type { ThreadStreamEvent } from '@chatkit/core';
import { emptyThreadState, reduceThread, selectItems } from '@chatkit/core';
import { createOrderChecker } from '@chatkit/core/order';
import {
  Agent,
  type Model,
  OpenAIChatCompletionsModel,
  OpenAIResponsesModel,
  RunContext,
  RunState,
  run as runAgent,
  setTracingDisabled,
  tool,
} from '@openai/agents';
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  AgentContext,
  accumulateText,
  applyApprovals,
  ResponseStreamConverter,
  streamAgentResponse,
  takeApprovalState,
} from '../src/index.ts';
import { chatCompletion, responsesStream, scriptedOpenAI } from './scripted-openai.ts';
import { collectAll, createContext, outline, scriptedRun } from './scripted-run.ts';

// The real SDK and the real `openai` client; only the wire is scripted.

beforeAll(() => setTracingDisabled(true));

const streamed = async (model: Model, tools: Parameters<typeof tool>[0][] = [], stopAt: string[] = []) => {
  const context = await createContext();
  const agent = new Agent<AgentContext<string>>({
    name: 'Assistant',
    model,
    tools: tools.map((each) => tool(each)) as never,
    toolUseBehavior: stopAt.length > 0 ? { stopAtToolNames: stopAt } : 'run_llm_again',
  });
  const run = await runAgent(agent, 'Hi', { stream: true, context });
  const events = await collectAll(streamAgentResponse(context, run));
  const checker = createOrderChecker();
  expect(events.map((event) => checker.check(event)).filter((each) => each !== undefined)).toEqual([]);
  return { events, context };
};

const textsOf = (events: readonly ThreadStreamEvent[]) =>
  selectItems(events.reduce(reduceThread, emptyThreadState)).flatMap((item) =>
    item.type === 'assistant_message' ? [item.content.map((part) => part.text).join('')] : [],
  );

describe('chat completions', () => {
  test('text streams, under an id of ours', async () => {
    const client = scriptedOpenAI([chatCompletion('chatcmpl-1', [{ content: 'Hel' }, { content: 'lo.' }])]);
    const { events } = await streamed(new OpenAIChatCompletionsModel(client, 'm'));
    expect(outline(events)).toEqual([
      'added assistant_message message_1',
      'assistant_message.content_part.added message_1',
      'assistant_message.content_part.text_delta message_1',
      'assistant_message.content_part.text_delta message_1',
      'done assistant_message message_1',
    ]);
    expect(textsOf(events)).toEqual(['Hello.']);
  });

  test('a refusal streams', async () => {
    const client = scriptedOpenAI([chatCompletion('c', [{ refusal: 'No, ' }, { refusal: 'thank you.' }])]);
    const { events } = await streamed(new OpenAIChatCompletionsModel(client, 'm'));
    expect(textsOf(events)).toEqual(['No, thank you.']);
    expect(outline(events).filter((line) => line.includes('text_delta'))).toHaveLength(2);
  });

  test('reasoning is a workflow, a tool call runs, the second answer is a second message', async () => {
    const call = { index: 0, id: 'call_1', type: 'function', function: { name: 'search', arguments: '{"q":"x"}' } };
    const client = scriptedOpenAI([
      chatCompletion(
        'c1',
        [{ reasoning: 'I should ' }, { reasoning: 'search.' }, { tool_calls: [call] }],
        'tool_calls',
      ),
      chatCompletion('c1', [{ content: 'Found it.' }]),
    ]);
    const { events } = await streamed(new OpenAIChatCompletionsModel(client, 'm'), [
      {
        name: 'search',
        description: 'Search',
        parameters: z.object({ q: z.string() }),
        execute: (args: unknown, context: unknown) => {
          (context as { context: AgentContext }).context.stream({
            type: 'progress_update',
            text: `Searching ${(args as { q: string }).q}`,
          });
          return 'result';
        },
      } as never,
    ]);
    expect(outline(events)).toEqual([
      'added workflow workflow_1',
      'workflow.task.added workflow_1',
      'workflow.task.updated workflow_1',
      'workflow.task.updated workflow_1',
      'progress_update',
      'done workflow workflow_1',
      'added assistant_message message_1',
      'assistant_message.content_part.added message_1',
      'assistant_message.content_part.text_delta message_1',
      'done assistant_message message_1',
    ]);
  });

  test('a client tool call stops the run and carries the model’s own call id', async () => {
    const calls = ['pick', 'other'].map((name, index) => ({
      index,
      id: `call_${name}`,
      type: 'function',
      function: { name, arguments: '{}' },
    }));
    const client = scriptedOpenAI([chatCompletion('c', [{ tool_calls: calls }], 'tool_calls')]);
    const execute = (_args: unknown, context: unknown, details: unknown) => {
      const { callId, name } = (details as { toolCall: { callId: string; name: string } }).toolCall;
      const held = (context as { context: AgentContext }).context;
      if (name === 'pick') held.callClientTool({ name, arguments: {}, callId });
      return '';
    };
    const { events } = await streamed(
      new OpenAIChatCompletionsModel(client, 'm'),
      ['pick', 'other'].map((name) => ({ name, description: name, parameters: z.object({}), execute })) as never,
      ['pick'],
    );
    const items = events.flatMap((event) => (event.type === 'thread.item.done' ? [event.item] : []));
    expect(items).toMatchObject([{ type: 'client_tool_call', call_id: 'call_pick', name: 'pick', status: 'pending' }]);
  });

  test('stopping the reader aborts the call to the model', async () => {
    const signals: AbortSignal[] = [];
    const deltas = Array.from({ length: 500 }, () => ({ content: 'word ' }));
    const client = scriptedOpenAI([chatCompletion('c', deltas)], signals);
    const context = await createContext();
    const stop = new AbortController();
    const agent = new Agent<AgentContext<string>>({ name: 'A', model: new OpenAIChatCompletionsModel(client, 'm') });
    const run = await runAgent(agent, 'Hi', { stream: true, context, signal: stop.signal });
    for await (const event of streamAgentResponse(context, run, { capacity: 8 })) {
      if (event.type === 'thread.item.updated') {
        stop.abort();
        break;
      }
    }
    expect(signals.length).toBeGreaterThan(0);
    expect(signals.every((signal) => signal.aborted)).toBe(true);
  });

  test('accumulateText gives the successive states of a text component', async () => {
    const client = scriptedOpenAI([chatCompletion('c', [{ content: 'a' }, { content: 'b' }])]);
    const agent = new Agent({ name: 'A', model: new OpenAIChatCompletionsModel(client, 'm') });
    const run = await runAgent(agent, 'Hi', { stream: true });
    const states: unknown[] = [];
    const base = { type: 'Text', id: 't', value: '', streaming: true };
    for await (const state of accumulateText(run, base)) states.push(state);
    expect(states).toEqual([
      base,
      { ...base, value: 'a' },
      { ...base, value: 'ab' },
      { ...base, value: 'ab', streaming: false },
    ]);
  });
});

describe('Responses', () => {
  const message = (id: string, content: readonly object[]) => ({
    id,
    type: 'message',
    role: 'assistant',
    status: 'completed',
    content,
  });
  const said = (id: string, text: string): object[] => {
    const at = { item_id: id, output_index: 0, content_index: 0 };
    const part = { type: 'output_text', text, annotations: [] };
    return [
      { type: 'response.output_item.added', output_index: 0, item: message(id, []) },
      { type: 'response.content_part.added', ...at, part: { ...part, text: '' } },
      ...[...text].map((delta) => ({ type: 'response.output_text.delta', ...at, delta })),
      { type: 'response.output_text.done', ...at, text },
      { type: 'response.output_item.done', output_index: 0, item: message(id, [part]) },
    ];
  };

  test('text streams once, under the provider’s id', async () => {
    const content = [{ type: 'output_text', text: 'Hello', annotations: [] }];
    const client = scriptedOpenAI([responsesStream('resp_1', [message('msg_a', content)], said('msg_a', 'Hello'))]);
    const { events } = await streamed(new OpenAIResponsesModel(client as never, 'm'));
    expect(textsOf(events)).toEqual(['Hello']);
    expect(outline(events).filter((line) => line.includes('text_delta msg_a'))).toHaveLength(5);
    expect(outline(events).at(-1)).toBe('done assistant_message msg_a');
  });
});

describe('a person in the loop', () => {
  test('the question can be put in one’s own words', async () => {
    class Asking extends ResponseStreamConverter {
      override approvalToQuestion(name: string, input: unknown): string {
        return `${name}: write to ${(input as { to: string }).to}?`;
      }
    }
    const context = await createContext();
    const run = scriptedRun([], {
      interruptions: [{ rawItem: { callId: 'c', name: 'send_mail', arguments: '{"to":"ada"}' } }],
    });
    const [event] = await collectAll(streamAgentResponse(context, run, { converter: new Asking() }));
    expect(event).toMatchObject({ item: { inputs: [{ id: 'c', question: 'send_mail: write to ada?' }] } });
  });

  test.each([
    [undefined, 'Allow send_mail?'],
    ['', 'Allow send_mail?'],
    ['{}', 'Allow send_mail?'],
    ['{"to":"ada"}', 'Allow send_mail {"to":"ada"}?'],
    ['to ada', 'Allow send_mail "to ada"?'],
  ])('the question says what the call is given (%o)', async (input, question) => {
    const interruptions = [{ rawItem: { callId: 'c', name: 'send_mail', arguments: input } }];
    const [event] = await collectAll(streamAgentResponse(await createContext(), scriptedRun([], { interruptions })));
    expect(event).toMatchObject({ item: { inputs: [{ question }] } });
  });

  test('a state that is no text is none, and is gone', async () => {
    const context = await createContext();
    context.thread.metadata['agent_run_state'] = { of: 'something else' };
    expect(takeApprovalState(context)).toBeUndefined();
    expect(context.thread.metadata).toEqual({});
  });

  const call = { index: 0, id: 'call_1', type: 'function', function: { name: 'send_mail', arguments: '{"to":"ada"}' } };

  test.each([
    ['Approve', 1],
    ['Reject', 0],
  ])(
    'a tool call that needs approval becomes a question; "%s" is applied and the run goes on',
    async (answer, calls) => {
      let sent = 0;
      const client = scriptedOpenAI([
        chatCompletion('c1', [{ tool_calls: [call] }], 'tool_calls'),
        chatCompletion('c2', [{ content: 'Done.' }]),
      ]);
      const agent = new Agent<AgentContext<string>>({
        name: 'Assistant',
        model: new OpenAIChatCompletionsModel(client, 'm'),
        tools: [
          tool({
            name: 'send_mail',
            description: 'Sends mail',
            parameters: z.object({ to: z.string() }),
            needsApproval: true,
            execute: () => {
              sent += 1;
              return 'sent';
            },
          }),
        ],
      });
      const context = await createContext();
      const asked = await collectAll(
        streamAgentResponse(context, await runAgent(agent, 'Hi', { stream: true, context })),
      );
      const item = asked.flatMap((event) => (event.type === 'thread.item.done' ? [event.item] : []))[0];
      if (item?.type !== 'structured_input') throw new Error('no question was asked');
      expect(item.inputs).toMatchObject([{ id: 'call_1', question: 'Allow send_mail {"to":"ada"}?' }]);

      const answered = {
        ...item,
        status: 'answered' as const,
        inputs: item.inputs.map((input) => ({ ...input, answer: { values: [answer], skipped: false } })),
      };
      const saved = takeApprovalState(context) ?? '';
      const next = await createContext();
      const state = await RunState.fromStringWithContext(agent, saved, new RunContext<AgentContext<string>>(next));
      expect(takeApprovalState(context)).toBeUndefined();
      applyApprovals(state, answered);
      const events = await collectAll(streamAgentResponse(next, await runAgent(agent, state, { stream: true })));
      expect(textsOf(events)).toEqual(['Done.']);
      expect(sent).toBe(calls);
    },
  );
});

describe('an agent in a tool', () => {
  const call = {
    index: 0,
    id: 'call_1',
    type: 'function',
    function: { name: 'ask_expert', arguments: '{"input":"x"}' },
  };
  const model = (...answers: object[][]) => new OpenAIChatCompletionsModel(scriptedOpenAI(answers), 'm');
  const asks = chatCompletion('c1', [{ reasoning: 'An expert knows.' }, { tool_calls: [call] }], 'tool_calls');
  const knows = chatCompletion('c2', [{ reasoning: 'I know.' }, { content: 'So it ' }, { content: 'is.' }]);
  const expert = () => new Agent<AgentContext<string>>({ name: 'Expert', model: model(knows) });

  /** As the README has it. */
  const shown = () =>
    tool({
      name: 'ask_expert',
      description: 'Asks an expert.',
      parameters: z.object({ input: z.string() }),
      async execute({ input }, runContext?: RunContext<AgentContext<string>>) {
        const outer = (runContext as RunContext<AgentContext<string>>).context;
        const context = new AgentContext(outer);
        const signal = outer.signal as AbortSignal;
        const result = await runAgent(expert(), input, { stream: true, context, signal });
        for await (const event of streamAgentResponse(context, result)) {
          outer.stream(event);
          await outer.ready();
        }
        return result.finalOutput ?? '';
      },
    });

  const asked = async (tools: unknown[], stops: boolean, ...then: object[][]) => {
    const context = await createContext();
    const agent = new Agent<AgentContext<string>>({
      name: 'Host',
      model: model(asks, ...then),
      tools: tools as never,
      toolUseBehavior: stops ? { stopAtToolNames: ['ask_expert'] } : 'run_llm_again',
    });
    const events = await collectAll(
      streamAgentResponse(context, await runAgent(agent, 'Hi', { stream: true, context })),
    );
    const checker = createOrderChecker();
    expect(events.map((event) => checker.check(event)).filter((each) => each !== undefined)).toEqual([]);
    return events;
  };

  test('by asTool() says nothing of its own, and nothing at all where the run stops at it', async () => {
    const asTool = () => expert().asTool({ toolName: 'ask_expert', toolDescription: 'Asks an expert.' });
    expect(textsOf(await asked([asTool()], true))).toEqual([]);
    const goesOn = await asked([asTool()], false, chatCompletion('c3', [{ content: 'The expert agrees.' }]));
    expect(textsOf(goesOn)).toEqual(['The expert agrees.']);
  });

  test('that is streamed shows its text as it is written, where the run stops at it and where it goes on', async () => {
    const stopped = await asked([shown()], true);
    expect(textsOf(stopped)).toEqual(['So it is.']);
    expect(outline(stopped).filter((line) => line.includes('text_delta'))).toHaveLength(2);
    const goesOn = await asked([shown()], false, chatCompletion('c3', [{ content: 'The expert agrees.' }]));
    expect(textsOf(goesOn)).toEqual(['So it is.', 'The expert agrees.']);
  });
});
