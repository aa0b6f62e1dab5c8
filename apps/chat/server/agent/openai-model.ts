/**
 * The model behind a key: OpenAI's by its Responses API, any other server's by chat completions, which they all speak.
 */
import { type Model, type ModelSettings, OpenAIChatCompletionsModel, OpenAIResponsesModel } from '@openai/agents';
import OpenAI from 'openai';
import type { Config } from '../config.ts';
import type { ModelName } from './to-user-error.ts';

export interface ConfiguredModel {
  readonly model: Model;
  readonly modelSettings: ModelSettings;
  readonly name: ModelName;
}

/** Makes the model that the settings name. */
export const createOpenAiModel = ({
  apiKey,
  baseUrl,
  name,
  reasoningSummary,
}: NonNullable<Config['model']>): ConfiguredModel => {
  const client = new OpenAI({ apiKey, baseURL: baseUrl ?? null, maxRetries: 1 });
  const thinks = baseUrl === undefined && /^(?:gpt-[5-9]|o\d)/.test(name);
  return {
    model:
      baseUrl === undefined ? new OpenAIResponsesModel(client, name) : new OpenAIChatCompletionsModel(client, name),
    // Whoever waits for an answer about documentation would rather not wait for long thoughts first.
    modelSettings: thinks ? { reasoning: { effort: 'low', ...(reasoningSummary && { summary: 'auto' }) } } : {},
    name: { name, baseUrl: client.baseURL },
  };
};
