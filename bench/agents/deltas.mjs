// CPU of a text delta on its way through each bridge, from the SDK's event to the ChatKit event, beyond a bare `for await` over
// the same events; and whether it grows, with the message or with the thread. One process, bare and bridge in turns; the best of
// all rounds, because foreign load can only add.
import { AgentContext, streamAgentResponse } from '@chatkit/agents';
import { streamAiResponse } from '@chatkit/agents/ai-sdk';
import { streamTextResponse } from '@chatkit/agents/text';
import { assistantMessage } from '@chatkit/core';
import { createMemoryStore } from '@chatkit/store/memory';

const raw = (data, source) => ({ type: 'raw_model_stream_event', source, data });
const model = (event, source) => raw({ type: 'model', event }, source);
const delta = raw({ type: 'output_text_delta', delta: 'word ' });
const chunk = { id: 'c', object: 'chat.completion.chunk', choices: [{ index: 0, delta: { content: 'word ' } }] };
const part = { type: 'text-delta', id: '0', delta: 'word ' };
const added = { type: 'response.output_text.delta', item_id: 'm', content_index: 0, delta: 'word ' };

const thread = { id: 'thr', created_at: new Date().toISOString(), status: { type: 'active' }, metadata: {} };

const storeWith = async (items) => {
  const store = createMemoryStore();
  await store.saveThread(thread, undefined);
  for (let index = 0; index < items; index += 1)
    await store.saveItem(
      thread.id,
      assistantMessage({ thread_id: thread.id, id: `old_${index}`, text: 'x' }),
      undefined,
    );
  return store;
};
const emptyStore = await storeWith(0);
const agents = (events, store = emptyStore) =>
  streamAgentResponse(new AgentContext({ thread, store, requestContext: undefined }), {
    [Symbol.asyncIterator]: () => play(events),
  });

/** Name, the events that open a response, those of one delta, and the bridge. */
const sources = [
  ['Agents SDK, Responses', [model({ type: 'response.created' }, 'openai-responses')], [delta, model(added)], agents],
  ['Agents SDK, chat completions', [raw({ type: 'response_started' })], [model(chunk), delta], agents],
  ['Agents SDK, AI-SDK adapter', [raw({ type: 'response_started' })], [model(part), delta], agents],
  ['Agents SDK, a Model of one’s own', [raw({ type: 'response_started' })], [delta], agents],
  [
    'AI SDK, fullStream',
    [],
    [{ type: 'text-delta', id: '0', text: 'word ' }],
    (all) => streamAiResponse(thread, play(all)),
  ],
  ['text, strings', [], ['word '], (all) => streamTextResponse(thread, play(all))],
  ['text, chat completions', [], [chunk], (all) => streamTextResponse(thread, play(all))],
];

async function* play(events) {
  for (const event of events) yield event;
}

const cpu = async (deltas, events) => {
  const start = process.cpuUsage();
  let count = 0;
  for await (const _ of events) count += 1;
  const { user, system } = process.cpuUsage(start);
  return { count, micros: (user + system) / deltas };
};

/** µs of CPU for one delta, by source. */
export const measureDeltas = async ({ deltas = 100_000, rounds = 9 } = {}) => {
  const results = sources.map(([name]) => ({ name, bare: Infinity, bridge: Infinity }));
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, [name, open, each, bridge]] of sources.entries()) {
      const events = [...open, ...Array.from({ length: deltas }, () => each).flat()];
      const result = results[index];
      result.bare = Math.min(result.bare, (await cpu(deltas, play(events))).micros);
      const { count, micros } = await cpu(deltas, bridge(events));
      if (count < deltas) throw new Error(`${name}: ${count} events came out of ${deltas} deltas`);
      result.bridge = Math.min(result.bridge, micros);
    }
  }
  return results.map((result) => ({ ...result, added: result.bridge - result.bare }));
};

/** The cost of a delta late in a long message ÷ early in it, and in a long thread ÷ in an empty one. */
export const measureGrowth = async ({ deltas = 20_000, length = 400_000, items = 100_000, rounds = 9 } = {}) => {
  const [, , each] = sources[3];
  const open = raw({ type: 'response_started' });
  let [early, late, empty, full] = [Infinity, Infinity, Infinity, Infinity];
  const longStore = await storeWith(items);
  for (let round = 0; round < rounds; round += 1) {
    const events = [open, ...Array.from({ length }, () => each[0])];
    let count = 0;
    let mark = process.cpuUsage();
    for await (const _ of agents(events)) {
      count += 1;
      if (count % deltas !== 0) continue;
      const { user, system } = process.cpuUsage(mark);
      if (count === deltas * 2) early = Math.min(early, (user + system) / deltas);
      if (count === length) late = Math.min(late, (user + system) / deltas);
      mark = process.cpuUsage();
    }
    const some = [open, ...Array.from({ length: deltas }, () => each[0])];
    empty = Math.min(empty, (await cpu(deltas, agents(some))).micros);
    full = Math.min(full, (await cpu(deltas, agents(some, longStore))).micros);
  }
  return { deltas, length, items, early, late, empty, full };
};
