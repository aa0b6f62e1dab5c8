/**
 * What names a thread before it is there. A client that may send its request again finds by it the conversation that an
 * earlier attempt began, on any machine and after a restart, and two clients that begin one conversation at a moment
 * begin one.
 */
import { ChatKitError } from '@chatkit/core';
import { digestOf } from './digest.ts';
import { digitsOf, isRunId } from './run-id.ts';
import type { ServerRequest } from './server-request.ts';

/**
 * 24 hex digits for the thread that a request makes: of the conversation that the header `ChatKit-Conversation` names,
 * else of the run, if the client chose its id in the usual form. `undefined` where there is neither, or nobody tells
 * whose request it is.
 *
 * A hash with the user in it, because what it is made of is the client's to choose: no choice leads to another user's
 * thread, or to one that was named otherwise, and nobody reads the run's id out of the thread's.
 */
export const threadNameOf = (
  request: ServerRequest,
  chosenRunId: string | undefined,
  user: string | undefined,
): string | undefined => {
  const conversation = request.headers.get('chatkit-conversation') ?? undefined;
  if (conversation !== undefined && !isRunId(conversation)) {
    throw new ChatKitError('request.invalid', 'The header ChatKit-Conversation is not an id.', {
      details: { path: 'ChatKit-Conversation' },
    });
  }
  if (user === undefined) return undefined;
  if (conversation !== undefined) return digestOf([user, 'conversation', conversation]);
  const digits = chosenRunId && digitsOf(chosenRunId);
  return digits && digestOf([user, 'run', digits]);
};
