import type { ErrorEvent } from '@chatkit/core';

/**
 * The last event of a run whose server went away: its text is kept, but it is not all. Plain clients, which get no
 * terminal frame, would take it for the whole answer otherwise. With a message, because clients of the Python SDK do
 * not know the code.
 */
export const interruptedEvent: ErrorEvent = {
  type: 'error',
  code: 'run.interrupted',
  message: 'The answer was interrupted.',
  allow_retry: true,
};
