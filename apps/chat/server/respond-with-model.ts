/** The assistant with a model: the same search, its passages as context, the answer streamed as the model writes it. */
import {
  annotationAdded,
  assistantMessage,
  CustomStreamError,
  itemAdded,
  itemDone,
  partAdded,
  partDone,
  progressUpdate,
  type ThreadStreamEvent,
  textDelta,
  type UserMessageItem,
} from '@chatkit/core';
import type OpenAI from 'openai';
import { APIConnectionError, APIError, APIUserAbortError } from 'openai';
import { toAnnotation } from './annotation.ts';
import { type Turn, textOf } from './history.ts';
import type { FoundPassage, PassageIndex } from './knowledge/passage-index.ts';
import { findPassages } from './respond-from-passages.ts';

export interface ModelOptions {
  readonly index: PassageIndex;
  readonly client: OpenAI;
  readonly model: string;
}

/** Turns of the thread that the model is shown. */
const MAX_TURNS = 8;

const instructions = `You answer questions about ChatKit for TypeScript, an open streaming stack for AI chat, from the
passages below, which are parts of its documentation. Be brief and exact, in Markdown. Where a passage supports a
sentence you need not name it: the page lists the sources. When the passages do not hold the answer, say so.`;

/**
 * Answers `input` with events. The model's request is aborted with `signal`. Errors that the user can do something about
 * become a `CustomStreamError`, whose message the page shows; anything else is thrown as it is.
 */
export async function* respondWithModel(
  input: UserMessageItem,
  past: readonly Turn[],
  signal: AbortSignal,
  { index, client, model }: ModelOptions,
): AsyncGenerator<ThreadStreamEvent, void, void> {
  const question = textOf(input);
  yield progressUpdate(`Searching ${index.size} passages…`, { icon: 'search' });
  const found = findPassages(index, question, past);
  yield progressUpdate(found.length === 0 ? `Asking ${model}…` : `Found ${found.length}, asking ${model}…`, {
    icon: 'document',
  });
  const message = assistantMessage({ thread_id: input.thread_id });
  let text = '';
  try {
    const stream = await client.chat.completions.create(
      { model, stream: true, messages: toMessages(question, past, found) },
      { signal },
    );
    for await (const chunk of stream) {
      const delta = chunk.choices[0]?.delta.content;
      if (!delta) continue;
      if (text === '') {
        yield itemAdded(message);
        yield partAdded(message.id);
      }
      text += delta;
      yield textDelta(message.id, delta);
    }
  } catch (error) {
    if (signal.aborted || error instanceof APIUserAbortError) return;
    throw toUserError(error, model, client.baseURL);
  }
  if (signal.aborted) return;
  if (text === '') throw new CustomStreamError(`${model} answered with nothing.`, { allowRetry: true });
  const annotations = found.map(({ passage }) => toAnnotation(passage, text.length));
  for (const [at, annotation] of annotations.entries()) yield annotationAdded(message.id, annotation, at);
  yield partDone(message.id, { text, annotations });
  yield itemDone({ ...message, content: [{ type: 'output_text', text, annotations }] });
}

const toMessages = (
  question: string,
  past: readonly Turn[],
  found: readonly FoundPassage[],
): OpenAI.Chat.Completions.ChatCompletionMessageParam[] => {
  const passages = found
    .map(({ passage }) => `<passage file="${passage.path}" heading="${passage.heading}">\n${passage.body}\n</passage>`)
    .join('\n\n');
  return [
    { role: 'system', content: `${instructions}\n\n${passages || 'No passage matched this question.'}` },
    ...past
      .slice(-MAX_TURNS)
      .flatMap((turn) => [
        { role: 'user' as const, content: turn.question },
        ...(turn.answer === '' ? [] : [{ role: 'assistant' as const, content: turn.answer }]),
      ]),
    { role: 'user', content: question },
  ];
};

/** What the user is told. The provider's own words may hold a part of the key, so they stay in `cause`. */
export const toUserError = (error: unknown, model: string, baseUrl: string): unknown => {
  const say = (message: string, allowRetry: boolean) => new CustomStreamError(message, { allowRetry, cause: error });
  if (error instanceof APIConnectionError) return say(`The model at ${hostOf(baseUrl)} cannot be reached.`, true);
  if (!(error instanceof APIError)) return error;
  switch (error.status) {
    case 401:
    case 403:
      return say('The model refused the key in OPENAI_API_KEY.', false);
    case 404:
      return say(`There is no model “${model}” at ${hostOf(baseUrl)}. Set OPENAI_MODEL to one that is.`, false);
    case 429:
      return say('The model is busy, or the account has no quota left. Try again in a moment.', true);
    default:
      return error.status === undefined || error.status >= 500
        ? say('The model had a problem of its own. Try again in a moment.', true)
        : say('The model did not accept the request.', false);
  }
};

const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : url);
