import type { ChatSnapshot } from '@chatkit/client';
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

/** Whether the last question has no answer and nobody is writing one: its server died, or its page was closed too early. */
export const isUnanswered = ({ items, status, error }: ChatSnapshot): boolean => {
  const last = items.at(-1);
  return status === 'idle' && error === undefined && (last?.type === 'user_message' || last?.type === 'workflow');
};
