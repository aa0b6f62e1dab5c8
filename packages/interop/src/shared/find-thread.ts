/** Finds the thread of a conversation on the server, and the run that is in progress in it. */
import { isChatKitError, type Thread } from '@chatkit/core';
import { inConversation } from './begin-thread.ts';
import { type Caller, type ChatKitHandler, Refusal, requestServer, withHeaders } from './chat-kit-handler.ts';

export interface FoundThread {
  readonly id: string;
  /** The run that is in progress. */
  readonly runId: string | undefined;
}

/**
 * Looks for the thread `known`, or, if there is none known, for the one of the conversation: that works with servers
 * that derive the thread's id from the conversation's name. `undefined`: this user has no such thread.
 */
export const findThread = async <Context>(
  server: ChatKitHandler<Context>,
  conversationId: string,
  known: string | undefined,
  context: Context,
  caller: Caller,
): Promise<FoundThread | undefined> => {
  const request = { type: 'threads.get_by_id', params: { thread_id: known ?? conversationId } } as const;
  const named = known === undefined ? await inConversation(caller, conversationId) : caller;
  try {
    const response = await requestServer(server, request, context, withHeaders(named, { 'chatkit-client': '1' }));
    const { id } = (await response.json()) as Thread;
    return { id, runId: response.headers.get('chatkit-active-run') ?? undefined };
  } catch (error) {
    const isNone = known === undefined ? isUnknown(error) : isChatKitError(error, 'thread.not_found');
    if (isNone) return undefined;
    throw error;
  }
};

/**
 * Whether a server says that it has no such thread, or does not know the header: then the conversation begins. The
 * Python SDK says so by a 500. Not if it is closing, say, or its store does not answer: the thread may be there.
 */
const isUnknown = (error: unknown): boolean => error instanceof Refusal && [400, 404, 422, 500].includes(error.status);
