import { ChatKitError } from '@chatkit/core';

/**
 * The error for an entry that is larger than what the log keeps of a run, so that no later reader could ever get it.
 */
export const tooLarge = (runId: string, offset: string, maxBytes: number): ChatKitError =>
  new ChatKitError('event.too_large', `An event is larger than the ${maxBytes} bytes that are kept of a run.`, {
    details: { id: runId, offset, maxBytes },
  });
