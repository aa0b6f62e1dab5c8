import { MockLanguageModelV4, simulateReadableStream } from 'ai/test';

/** A part of an AI SDK model's stream. */
export type AiModelPart = Record<string, unknown>;

const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 },
};

export const aiFinish = (reason: string): AiModelPart => ({
  type: 'finish',
  finishReason: { unified: reason, raw: reason },
  usage,
});

/** A block of text, delta by delta. */
export const aiText = (deltas: readonly string[], id = '0'): AiModelPart[] => [
  { type: 'text-start', id },
  ...deltas.map((delta) => ({ type: 'text-delta', id, delta })),
  { type: 'text-end', id },
];

/** A model of the real AI SDK that answers each step with the next list of parts. */
export const scriptedAiModel = (steps: readonly (readonly object[])[]): MockLanguageModelV4 => {
  let step = 0;
  return new MockLanguageModelV4({
    doStream: async () => ({
      stream: simulateReadableStream({ chunks: [...(steps[step++] ?? [])] as never[], chunkDelayInMs: null }),
    }),
  });
};
