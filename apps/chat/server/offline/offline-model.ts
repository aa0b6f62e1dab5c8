/**
 * A model that needs no key and no network. To the Agents SDK it is a model like any other: it is sent the conversation
 * and the results of tools, thinks aloud, calls tools, and writes at a pace that can be read. What it says is planned
 * by rules and quoted from what the search tool returned.
 */
import { createId } from '@chatkit/core';
import type { Model, ModelRequest, ModelResponse, StreamEvent } from '@openai/agents';
import { Usage } from '@openai/agents';
import type { PassageIndex } from '../knowledge/passage-index.ts';
import { sourceUrl } from '../knowledge/source-url.ts';
import { type WaitingClock, wallClock } from '../wall-clock.ts';
import type { Answer } from './compose-answer.ts';
import { pace } from './pace.ts';
import { planReply } from './plan-reply.ts';
import { readConversation } from './read-conversation.ts';

export interface OfflineModelOptions {
  readonly index: PassageIndex;
  /** How fast it writes. `Infinity`: at once. */
  readonly tokensPerSecond: number;
  /** How long it seems to read before it writes an answer from passages. */
  readonly readMs: number;
  readonly clock?: WaitingClock | undefined;
  readonly random?: (() => number) | undefined;
}

/** Thoughts are skimmed rather than read. */
const THOUGHT_SPEED = 4;

/** Makes the model. A request whose signal aborts ends its stream at once. */
export const createOfflineModel = (options: OfflineModelOptions): Model => ({
  async getResponse(request: ModelRequest): Promise<ModelResponse> {
    for await (const event of reply(request, { ...options, tokensPerSecond: Number.POSITIVE_INFINITY, readMs: 0 })) {
      if (event.type === 'response_done')
        return { usage: new Usage(), output: event.response.output, responseId: event.response.id };
    }
    throw request.signal?.reason ?? new Error('The model stopped.');
  },
  async *getStreamedResponse(request: ModelRequest): AsyncGenerator<StreamEvent, void, void> {
    try {
      yield* reply(request, options);
    } catch (error) {
      if (request.signal?.aborted !== true) throw error;
    }
  },
});

async function* reply(
  { input, signal }: ModelRequest,
  { index, tokensPerSecond, readMs, clock = wallClock, random }: OfflineModelOptions,
): AsyncGenerator<StreamEvent, void, void> {
  const planned = planReply(readConversation(input), index);
  const output: Extract<StreamEvent, { type: 'response_done' }>['response']['output'] = [];
  yield { type: 'response_started' };
  if (planned.thought !== undefined) {
    const id = createId('message');
    const speed = { tokensPerSecond: tokensPerSecond * THOUGHT_SPEED, signal, clock, random };
    for await (const delta of pace(planned.thought, speed)) yield part({ type: 'reasoning-delta', id, delta });
    yield part({ type: 'reasoning-end', id });
    output.push({ type: 'reasoning', id, content: [{ type: 'input_text', text: planned.thought }] });
    if ('answer' in planned) await clock.sleep(readMs, signal);
  }
  if ('call' in planned) {
    const { name, arguments: args } = planned.call;
    const callId = createId('tool_call');
    output.push({ type: 'function_call', callId, name, arguments: JSON.stringify(args), status: 'completed' });
  } else {
    yield* write(planned.answer, { tokensPerSecond, signal, clock, random });
    const content = [{ type: 'output_text', text: planned.answer.text } as const];
    output.push({ type: 'message', role: 'assistant', status: 'completed', content });
  }
  const usage = { inputTokens: 0, outputTokens: 0, totalTokens: 0 };
  yield { type: 'response_done', response: { id: createId('run'), usage, output } };
}

/** The text, and each source where the text that it supports ends. */
async function* write(
  { text, citations }: Answer,
  speed: Parameters<typeof pace>[1],
): AsyncGenerator<StreamEvent, void, void> {
  const left = [...citations].sort((a, b) => a.at - b.at);
  let written = 0;
  for await (const chunk of pace(text, speed)) {
    // A source stands at a position; a chunk that crosses one is cut there.
    let from = 0;
    while (left[0] !== undefined && left[0].at <= written + chunk.length) {
      const cut = left[0].at - written;
      if (cut > from) yield { type: 'output_text_delta', delta: chunk.slice(from, cut) };
      from = Math.max(from, cut);
      for (; left[0] !== undefined && left[0].at - written <= from; left.shift()) {
        const { passage } = left[0];
        yield part({
          type: 'source',
          sourceType: 'url',
          id: passage.id,
          url: sourceUrl(passage),
          title: passage.heading,
        });
      }
    }
    if (from < chunk.length) yield { type: 'output_text_delta', delta: chunk.slice(from) };
    written += chunk.length;
  }
}

/** A part in the form of the AI SDK, which is how models beside the Responses API say what is not text. */
const part = (event: object): StreamEvent => ({ type: 'model', event });
