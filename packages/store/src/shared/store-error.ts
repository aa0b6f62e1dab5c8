/** The errors that every store driver raises, in the same words. */
import { ChatKitError } from '@chatkit/core';

const what = { 'thread.not_found': 'thread', 'item.not_found': 'item', 'attachment.not_found': 'attachment' } as const;

export type NotFoundCode = keyof typeof what;

/** "There is no …": the same for an unknown id and for another user's. */
export const notFound = (code: NotFoundCode, id: string): ChatKitError =>
  new ChatKitError(code, `There is no ${what[code]} with the id ${JSON.stringify(id)}.`, { details: { id } });

/** The thread was written by somebody else since it was read. */
export const conflict = (threadId: string, expected: number): ChatKitError =>
  new ChatKitError('thread.conflict', `The thread ${JSON.stringify(threadId)} is no longer at version ${expected}.`, {
    retryable: true,
    details: { id: threadId, expected },
  });

/** A transaction's store was used after the transaction had ended. */
export const transactionEnded = (): ChatKitError =>
  new ChatKitError('internal', 'This transaction has ended: its store is valid only inside transaction(work).');
