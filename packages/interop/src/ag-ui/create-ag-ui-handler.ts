/** `createAgUiHandler()`: serves a ChatKit server as an AG-UI endpoint. */
import { ChatKitError } from '@chatkit/core';
import type { ChatKitHandler } from '../shared/chat-kit-handler.ts';
import { type ConversationOptions, createConversations, type Said } from '../shared/converse.ts';
import { answerForeign, isName, readJson } from '../shared/foreign-request.ts';
import { idsInHistory } from '../shared/id-in-history.ts';
import { callIdOf } from '../shared/tool-outputs.ts';
import { toAgUiEvents } from './to-ag-ui-events.ts';

export type AgUiHandlerOptions<Context> = ConversationOptions<Context>;

/**
 * Answers `RunAgentInput` with AG-UI events over SSE, so that `HttpAgent`, and with it CopilotKit, can talk to a
 * ChatKit server. The server keeps the history: of the messages in the input only the last user message is sent on, or
 * the outputs of the tools that have run since. A client that disconnects stops the run.
 *
 * @example
 * const handleAgUi = createAgUiHandler(server, { userOf: (user) => user.id });
 * // on the client: new HttpAgent({ url: '/ag-ui' })
 * const response = await handleAgUi(request, user);
 */
export const createAgUiHandler = <Context>(
  server: ChatKitHandler<Context>,
  options: AgUiHandlerOptions<Context> = {},
): ((request: Request, context: Context) => Promise<Response>) => {
  const { converse } = createConversations(server, options);
  return (request, context) =>
    answerForeign(request, options.clock, async (caller) => {
      const { threadId, runId, said } = readInput(await readJson(request, options.maxBodyBytes));
      const events = await converse(threadId, said, context, caller);
      return { data: asJson(toAgUiEvents(events, { threadId, runId })) };
    });
};

async function* asJson(events: ReturnType<typeof toAgUiEvents>): AsyncGenerator<string, void, undefined> {
  for await (const event of events) yield JSON.stringify(event);
}

interface ToolMessage {
  readonly toolCallId?: unknown;
  readonly content?: unknown;
}

const readInput = (input: unknown): { threadId: string; runId: string; said: Said } => {
  const { threadId, runId, messages } = (input ?? {}) as Record<string, unknown>;
  if (!isName(threadId) || !isName(runId) || !Array.isArray(messages)) {
    throw new ChatKitError(
      'request.invalid',
      'threadId, runId and messages are required. An id has 1,000 characters at most.',
    );
  }
  const last = messages.at(-1) as { role?: unknown; content?: unknown } | undefined;
  const ids = idsInHistory(messages);
  if (last?.role === 'user')
    return { threadId, runId, said: { kind: 'message', text: textOf(last.content), id: ids.at(-1), request: runId } };
  const first = messages.findLastIndex((message) => message?.role !== 'tool') + 1;
  const outputs = (messages.slice(first) as ToolMessage[]).map(({ toolCallId, content }, at) => {
    const ownId = ids[first + at];
    const callId = callIdOf(toolCallId);
    // Some models restart the numbering of their calls in each answer, so the call id alone is not unique.
    return { callId, result: parsed(content), id: ownId === undefined ? undefined : [runId, ownId, callId] };
  });
  if (outputs.length > 0) return { threadId, runId, said: { kind: 'tool outputs', outputs } };
  throw new ChatKitError('request.invalid', 'The last message must have the role user or tool.');
};

/** The text of a message; other kinds of parts are left out. */
const textOf = (content: unknown): string => {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) throw new ChatKitError('request.invalid', 'A message needs content.');
  return content.map((part) => (typeof part?.text === 'string' ? part.text : '')).join('');
};

/** A tool's result is text that usually is JSON. */
const parsed = (content: unknown): unknown => {
  try {
    return JSON.parse(String(content));
  } catch {
    return content;
  }
};
