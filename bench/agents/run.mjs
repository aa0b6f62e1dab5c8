// CPU of a text delta on its way through the bridge, from the SDK's event to the ChatKit event, against a bare `for await`
// over the same events. Interleaved, medians; run it on a quiet machine: node bench/agents/run.mjs
import { AgentContext, streamAgentResponse } from '@chatkit/agents';
import { createMemoryStore } from '@chatkit/store/memory';

const deltas = 200_000;
const rounds = 7;
const raw = (data, source) => ({ type: 'raw_model_stream_event', source, data });
const responses = (event) => raw({ type: 'model', event }, 'openai-responses');
const delta = { type: 'response.output_text.delta', item_id: 'm', content_index: 0, delta: 'word ' };

const sources = {
  // A Responses model sends each delta twice, once in the SDK's own form.
  responses: [
    responses({ type: 'response.created' }),
    ...Array.from({ length: deltas }, () => [
      raw({ type: 'output_text_delta', delta: 'word ' }),
      responses(delta),
    ]).flat(),
  ],
  'every other model': [
    raw({ type: 'response_started' }),
    ...Array.from({ length: deltas }, () => raw({ type: 'output_text_delta', delta: 'word ' })),
  ],
};

async function* play(events) {
  yield* events;
}
const store = createMemoryStore();
const thread = { id: 'thr', created_at: new Date().toISOString(), status: { type: 'active' }, metadata: {} };
await store.saveThread(thread, undefined);

const cpu = async (work) => {
  const start = process.cpuUsage();
  let count = 0;
  for await (const _ of work()) count += 1;
  const { user, system } = process.cpuUsage(start);
  return { count, micros: (user + system) / deltas };
};
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

for (const [name, events] of Object.entries(sources)) {
  const bare = [];
  const bridge = [];
  for (let round = 0; round < rounds; round++) {
    bare.push((await cpu(() => play(events))).micros);
    const context = new AgentContext({ thread, store, requestContext: undefined });
    const run = await cpu(() => streamAgentResponse(context, { [Symbol.asyncIterator]: () => play(events) }));
    if (run.count < deltas) throw new Error(`${run.count} events came out of ${deltas} deltas`);
    bridge.push(run.micros);
  }
  const [loop, whole] = [median(bare), median(bridge)];
  console.log(
    `${name}: ${whole.toFixed(2)} µs a delta, of which the bare loop ${loop.toFixed(2)}; ratio ${(whole / loop).toFixed(1)}`,
  );
}
