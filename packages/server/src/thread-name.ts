/**
 * The name from which the id of a new thread is derived, so that creating a thread is idempotent. A repeated request
 * finds the thread that an earlier attempt created, on any machine and after a restart, and two clients that start the
 * same conversation at once create one thread.
 */
import { ChatKitError } from '@chatkit/core';
import { digestOf } from './digest.ts';
import { digitsOf, isRunId } from './run-id.ts';
import type { ServerRequest } from './server-request.ts';

/**
 * 24 hex digits for the thread that a request creates: derived from the header `ChatKit-Conversation`, else from the
 * run's id if the client chose it in the usual form (`run-id.ts`). `undefined` if there is neither, or the user is not
 * known.
 *
 * It is a hash that includes the user, because the client chooses the input: no choice leads to another user's thread,
 * or to one that was named in the other way, and the thread's id does not reveal the run's.
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
