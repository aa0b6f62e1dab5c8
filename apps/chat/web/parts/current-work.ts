import type { ChatSnapshot, ThreadItem } from '@chatkit/client';
import { INTERRUPTED } from '../../shared/endings.ts';
import type { Progress } from './workflow.tsx';

/** Said before the server has said anything; not worth reading out. */
export const sending: Progress = { text: 'Sending…' };

/**
 * The line below the answer: what the connection does, if it is not simply there; else what the assistant says that it
 * does. `undefined` when there is nothing to say, or when the text that grows says it.
 */
export const currentWork = ({ connection, progress, status }: ChatSnapshot): Progress | undefined => {
  if (status === 'stopping') return undefined;
  if (connection === 'reconnecting') return { text: 'The connection broke. Reconnecting…', icon: 'offline' };
  // Heartbeats come and words do not: it is the model that is slow, and a reload would not help.
  if (connection === 'silent') return { text: 'Still waiting for the model. The connection is fine.', icon: 'clock' };
  return progress ?? (status === 'submitting' ? sending : undefined);
};

/** What is wrong and may be tried again. */
export interface Trouble {
  readonly message: string;
  readonly retryable: boolean;
}

const unsent: Trouble = { message: 'This message was not sent.', retryable: true };
const deleted: Trouble = { message: 'This conversation was deleted. Begin a new one to go on.', retryable: false };
const interrupted: Trouble = { message: INTERRUPTED, retryable: true };

/**
 * What is wrong with the last turn, when nothing is going on: the error, if there is one; a question that was stopped
 * before it reached the server; one that nobody answers, because its server died, or its page was closed too early; or
 * an answer that its server did not finish, as the line behind it says.
 */
export const troubleOf = ({ items, status, error, failedItemIds }: ChatSnapshot): Trouble | undefined => {
  const last = items.at(-1);
  // The server's words for it name an id.
  if (error?.code === 'thread.not_found') return deleted;
  if (error?.code === 'run.interrupted') return interrupted;
  if (error !== undefined || status !== 'idle' || last === undefined) return error;
  if (failedItemIds.has(last.id)) return unsent;
  return isInterruption(last) || last.type === 'user_message' || last.type === 'workflow' ? interrupted : undefined;
};

/** Whether an item is the line that says what the trouble says. */
export const isSaidBy = (trouble: Trouble | undefined, item: ThreadItem): boolean =>
  trouble === interrupted && isInterruption(item);

const isInterruption = (item: ThreadItem): boolean => item.type === 'task' && item.task.title === INTERRUPTED;
