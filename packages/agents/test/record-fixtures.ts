// Writes test/fixtures: what the real SDK emits for scripted answers of both APIs, and what the bridge makes of it.
// Run it from the repository's root after a change of the SDK's version: `npm run -w @chatkit/agents record`.
import { mkdirSync, writeFileSync } from 'node:fs';
import {
  Agent,
  type Model,
  OpenAIChatCompletionsModel,
  OpenAIResponsesModel,
  run as runAgent,
  setTracingDisabled,
  tool,
} from '@openai/agents';
import { aisdk } from '@openai/agents-extensions/ai-sdk';
import { z } from 'zod';
import { ResponseStreamConverter, streamAgentResponse } from '../src/index.ts';
import { aiFinish, aiText, scriptedAiModel } from './scripted-ai.ts';
import { chatCompletion, responsesStream, scriptedOpenAI } from './scripted-openai.ts';
import { collectAll, createContext, scriptedRun } from './scripted-run.ts';

setTracingDisabled(true);

const at = (item_id: string, index = 0) => ({ item_id, output_index: 0, content_index: index });
const message = (id: string, content: readonly object[]) => ({
  id,
  type: 'message',
  role: 'assistant',
  status: 'completed',
  content,
});
const added = (item: object) => ({ type: 'response.output_item.added', output_index: 0, item });
const done = (item: object) => ({ type: 'response.output_item.done', output_index: 0, item });
const outputText = (text: string, annotations: readonly object[] = []) => ({ type: 'output_text', text, annotations });

const saying = (id: string, text: string, annotations: readonly object[] = []) => [
  added(message(id, [])),
  { type: 'response.content_part.added', ...at(id), part: outputText('') },
  ...[...text].map((delta) => ({ type: 'response.output_text.delta', ...at(id), delta })),
  ...annotations.map((annotation, annotation_index) => ({
    type: 'response.output_text.annotation.added',
    ...at(id),
    annotation_index,
    annotation,
  })),
  { type: 'response.output_text.done', ...at(id), text },
  done(message(id, [outputText(text, annotations)])),
];

const reasoning = { id: 'rs_1', type: 'reasoning', summary: [] };
const summary = (index: number, text: string) => [
  ...[...text].map((delta) => ({
    type: 'response.reasoning_summary_text.delta',
    item_id: 'rs_1',
    summary_index: index,
    delta,
  })),
  { type: 'response.reasoning_summary_text.done', item_id: 'rs_1', summary_index: index, text },
];
const call = { id: 'fc_1', type: 'function_call', call_id: 'call_1', name: 'look_up', arguments: '{"q":"x"}' };
const image = { id: 'ig_1', type: 'image_generation_call', status: 'completed' };
const citations = [
  { type: 'file_citation', file_id: 'f', filename: 'report.pdf', index: 4 },
  { type: 'url_citation', url: 'https://example.com/a', title: 'A', start_index: 0, end_index: 9 },
  { type: 'file_path', file_id: 'f', index: 1 },
];
const webSearch = {
  id: 'ws_1',
  type: 'web_search_call',
  status: 'completed',
  action: {
    type: 'search',
    query: 'tides today',
    queries: ['tides today', 'moon phase'],
    sources: [
      { type: 'url', url: 'https://tides.example/today' },
      { type: 'url', url: 'https://moon.example/' },
    ],
  },
};
const openPage = {
  id: 'ws_2',
  type: 'web_search_call',
  status: 'completed',
  action: { type: 'open_page', url: 'https://tides.example/today' },
};
const fileSearch = {
  id: 'fs_1',
  type: 'file_search_call',
  status: 'completed',
  queries: ['harbour rules'],
  results: [
    { file_id: 'f1', filename: 'harbour.pdf', score: 0.9, text: 'Rule 1' },
    { file_id: 'f1', filename: 'harbour.pdf', score: 0.8, text: 'Rule 2' },
  ],
};
const code = {
  id: 'ci_1',
  type: 'code_interpreter_call',
  status: 'completed',
  code: 'print(6 * 7)',
  container_id: 'cntr_1',
  outputs: [{ type: 'logs', logs: '42' }],
};
const mcp = {
  id: 'mcp_1',
  type: 'mcp_call',
  status: 'completed',
  server_label: 'harbour',
  name: 'list_berths',
  arguments: '{}',
  output: '[]',
  error: null,
};
const failing = { ...mcp, id: 'mcp_2', name: 'book_berth', status: 'failed', output: null, error: 'No such berth.' };
/** What is said of a hosted call between its begin and its end. */
const phases = (type: string, item_id: string, ...names: string[]) =>
  names.map((name) => ({ type: `response.${type}.${name}`, item_id, output_index: 0 }));
const refusal = 'I can’t help with that.';
const emoji = 'Grüße 👩‍👩‍👧 from 東京.';

type Answers = readonly (readonly object[])[];

const responses: Record<string, Answers> = {
  text: [responsesStream('r1', [message('m1', [outputText(emoji)])], saying('m1', emoji))],
  reasoning: [
    responsesStream(
      'r1',
      [{ ...reasoning, summary: [{ type: 'summary_text', text: 'Look.' }] }, message('m1', [outputText('Seen.')])],
      [added(reasoning), ...summary(0, 'Look.'), ...summary(1, 'Then say.'), done(reasoning), ...saying('m1', 'Seen.')],
    ),
  ],
  tools: [
    responsesStream('r1', [reasoning, call], [added(reasoning), ...summary(0, 'Search.'), added(call), done(call)]),
    responsesStream('r2', [message('m2', [outputText('Found.')])], saying('m2', 'Found.')),
  ],
  images: [
    responsesStream(
      'r1',
      [{ ...image, result: 'QUJD' }, message('m1', [outputText('Here.')])],
      [
        added(image),
        {
          type: 'response.image_generation_call.partial_image',
          item_id: 'ig_1',
          partial_image_b64: 'QQ==',
          partial_image_index: 0,
        },
        done({ ...image, result: 'QUJD' }),
        ...saying('m1', 'Here.'),
      ],
    ),
  ],
  refusal: [
    responsesStream(
      'r1',
      [message('m1', [{ type: 'refusal', refusal }])],
      [
        added(message('m1', [])),
        { type: 'response.content_part.added', ...at('m1'), part: { type: 'refusal', refusal: '' } },
        ...[...refusal].map((delta) => ({ type: 'response.refusal.delta', ...at('m1'), delta })),
        { type: 'response.refusal.done', ...at('m1'), refusal },
        done(message('m1', [{ type: 'refusal', refusal }])),
      ],
    ),
  ],
  'hosted-tools': [
    responsesStream(
      'r1',
      [webSearch, openPage, fileSearch, code, mcp, failing, message('m1', [outputText('Found.', citations)])],
      [
        added(reasoning),
        ...summary(0, 'Search.'),
        done(reasoning),
        added({ ...webSearch, status: 'in_progress', action: undefined }),
        ...phases('web_search_call', 'ws_1', 'in_progress', 'searching', 'completed'),
        done(webSearch),
        added({ ...openPage, status: 'in_progress', action: undefined }),
        done(openPage),
        added({ ...fileSearch, status: 'in_progress', queries: [], results: null }),
        ...phases('file_search_call', 'fs_1', 'in_progress', 'searching', 'completed'),
        done(fileSearch),
        added({ ...code, status: 'in_progress', code: '', outputs: null }),
        ...phases('code_interpreter_call', 'ci_1', 'in_progress', 'interpreting', 'completed'),
        done(code),
        ...phases('mcp_list_tools', 'mcpl_1', 'in_progress', 'completed'),
        added({ ...mcp, status: 'in_progress', arguments: '', output: null }),
        ...phases('mcp_call', 'mcp_1', 'in_progress', 'completed'),
        done(mcp),
        added({ ...failing, status: 'in_progress', error: null }),
        ...phases('mcp_call', 'mcp_2', 'in_progress', 'failed'),
        done(failing),
        ...saying('m1', 'Found.', citations),
      ],
    ),
  ],
  citations: [
    responsesStream('r1', [message('m1', [outputText('See here.', citations)])], saying('m1', 'See here.', citations)),
  ],
};

const chatCall = { index: 0, id: 'call_1', type: 'function', function: { name: 'look_up', arguments: '{"q":"x"}' } };
const deltas = (text: string) => [...text].map((content) => ({ content }));
const completions: Record<string, Answers> = {
  text: [chatCompletion('c1', deltas(emoji))],
  reasoning: [chatCompletion('c1', [{ reasoning: 'Look' }, { reasoning: ' first.' }, ...deltas('Seen.')])],
  tools: [chatCompletion('c1', [{ tool_calls: [chatCall] }], 'tool_calls'), chatCompletion('c1', deltas('Found.'))],
  refusal: [chatCompletion('c1', [{ refusal: 'I can’t ' }, { refusal: 'help.' }])],
};

const aiThought = (text: string, id = 'r') => [
  { type: 'reasoning-start', id },
  ...[...text].map((delta) => ({ type: 'reasoning-delta', id, delta })),
  { type: 'reasoning-end', id },
];
const aiSource = (name: string) => ({
  type: 'source',
  sourceType: 'url',
  id: name,
  url: `https://${name}.example/`,
  title: name,
});
const aiCall = { type: 'tool-call', toolCallId: 'call_1', toolName: 'look_up', input: '{"q":"x"}' };
const aiSdk: Record<string, Answers> = {
  text: [[...aiText([...emoji]), aiFinish('stop')]],
  reasoning: [
    // A model that thinks between two pieces of text, as Claude does, and gives both the same block id.
    [
      ...aiThought('Look.'),
      ...aiText([...'One.']),
      ...aiThought('Look again.', 'r2'),
      ...aiText([...'Two.']),
      aiFinish('stop'),
    ],
  ],
  tools: [
    [...aiThought('Search.'), ...aiText([...'Let me see.']), aiCall, aiFinish('tool-calls')],
    [...aiText([...'Found.'], '1'), aiFinish('stop')],
  ],
  citations: [
    [
      aiSource('early'),
      ...aiText([...'See here']),
      aiSource('middle'),
      ...aiText([...' and there.']),
      { type: 'source', sourceType: 'document', id: 'd', mediaType: 'application/pdf', title: 'R', filename: 'r.pdf' },
      aiFinish('stop'),
    ],
  ],
  images: [
    [
      { type: 'file', mediaType: 'image/png', data: { type: 'data', data: 'QUJD' } },
      ...aiText([...'Here.']),
      aiFinish('stop'),
    ],
  ],
};

const record = async (name: string, model: Model): Promise<void> => {
  const agent = new Agent({
    name: 'Assistant',
    model,
    tools: [
      tool({
        name: 'look_up',
        description: 'Looks it up',
        parameters: z.object({ q: z.string() }),
        execute: () => 'three hits',
      }),
    ],
  });
  const run = await runAgent(agent, 'Hi', { stream: true });
  const events: object[] = [];
  try {
    for await (const event of run) {
      // The bridge reads nothing but raw events; the others hold the agent, which has no place in a file.
      if (event.type !== 'raw_model_stream_event') continue;
      const { type, source, data } = event;
      events.push(JSON.parse(JSON.stringify({ type, source, data })) as object);
    }
  } catch (error) {
    // A refusal is an error to the SDK, after all of its events.
    if (!name.endsWith('refusal')) throw error;
  }
  const converter = new ResponseStreamConverter({ hostedTools: 'shown' });
  const script = scriptedRun(events as never);
  const expected = await collectAll(streamAgentResponse(await createContext(), script, { converter }));
  writeFileSync(
    new URL(`./fixtures/${name}.json`, import.meta.url),
    `${JSON.stringify({ events, expected }, null, 1)}\n`,
  );
  console.log(`${name}: ${events.length} events in, ${expected.length} out`);
};

mkdirSync(new URL('./fixtures/', import.meta.url), { recursive: true });
for (const [name, answers] of Object.entries(responses)) {
  await record(`responses-${name}`, new OpenAIResponsesModel(scriptedOpenAI(answers) as never, 'm'));
}
for (const [name, answers] of Object.entries(completions)) {
  await record(`completions-${name}`, new OpenAIChatCompletionsModel(scriptedOpenAI(answers), 'm'));
}
for (const [name, answers] of Object.entries(aiSdk)) {
  // The adapter's types are written without `exactOptionalPropertyTypes`.
  await record(`ai-sdk-${name}`, aisdk(scriptedAiModel(answers)) as Model);
}
