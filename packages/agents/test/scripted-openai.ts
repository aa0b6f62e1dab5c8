import { OpenAI } from 'openai';

/** The real `openai` client over a scripted wire: each call of the API is answered with the next list of SSE payloads. */
export const scriptedOpenAI = (answers: readonly (readonly object[])[], signals: AbortSignal[] = []): OpenAI => {
  let next = 0;
  const fetch = async (_url: unknown, init?: { signal?: AbortSignal | null }): Promise<Response> => {
    if (init?.signal) signals.push(init.signal);
    const events = answers[next++] ?? [];
    const text = events
      .map((event) => {
        const type = (event as { type?: string }).type;
        return `${type === undefined ? '' : `event: ${type}\n`}data: ${JSON.stringify(event)}\n\n`;
      })
      .join('');
    return new Response(`${text}data: [DONE]\n\n`, { headers: { 'content-type': 'text/event-stream' } });
  };
  return new OpenAI({ apiKey: 'none', fetch: fetch as typeof globalThis.fetch, maxRetries: 0 });
};

/** Chunks of one chat completion. */
export const chatCompletion = (id: string, deltas: readonly object[], finish_reason = 'stop'): object[] => [
  ...deltas.map((delta) => ({
    id,
    object: 'chat.completion.chunk',
    created: 1,
    model: 'm',
    choices: [{ index: 0, delta, finish_reason: null }],
  })),
  { id, object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: {}, finish_reason }] },
];

const response = (id: string, output: readonly object[], status: string) => ({
  id,
  object: 'response',
  created_at: 1,
  model: 'm',
  status,
  output,
  usage: { input_tokens: 1, output_tokens: 1, total_tokens: 2 },
});

/** Events of one response: `output` is what it holds, `events` is what is said of it in between. */
export const responsesStream = (id: string, output: readonly object[], events: readonly object[]): object[] => [
  { type: 'response.created', response: response(id, [], 'in_progress') },
  ...events,
  { type: 'response.completed', response: response(id, output, 'completed') },
];
