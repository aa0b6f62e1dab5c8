/**
 * What the user is told when the model fails. The provider's own words may hold a part of the key, so they stay in
 * `cause`.
 */
import { CustomStreamError } from '@chatkit/core';
import { APIConnectionError, APIError } from 'openai';

/** Which model it is about. */
export interface ModelName {
  readonly name: string;
  readonly baseUrl: string;
}

/** A `CustomStreamError` for what the user can do something about; anything else as it is. */
export const toUserError = (error: unknown, model: ModelName): unknown => {
  const say = (message: string, allowRetry: boolean) => new CustomStreamError(message, { allowRetry, cause: error });
  if (error instanceof APIConnectionError) return say(`The model at ${hostOf(model.baseUrl)} cannot be reached.`, true);
  // By name: the SDK's errors, of whichever copy of it.
  const kind = error instanceof Error ? error.constructor.name : '';
  if (kind === 'ModelBehaviorError' || kind === 'MaxTurnsExceededError') return say(noAnswer(model.name), true);
  if (!(error instanceof APIError)) return error;
  switch (error.status) {
    case 401:
    case 403:
      return say('The model refused the key in OPENAI_API_KEY.', false);
    case 404:
      return say(
        `There is no model “${model.name}” at ${hostOf(model.baseUrl)}. Set OPENAI_MODEL to one that is.`,
        false,
      );
    case 429:
      return say('The model is busy, or the account has no quota left. Try again in a moment.', true);
    default:
      return error.status === undefined || error.status >= 500
        ? say('The model had a problem of its own. Try again in a moment.', true)
        : say('The model did not accept the request.', false);
  }
};

/** A model that says nothing, or calls its tools again and again. */
export const noAnswer = (name: string): string => `${name} came to no answer.`;

const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : url);
