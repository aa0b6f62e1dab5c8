import { ChatKitError } from '@chatkit/core';

/**
 * What a log says to an entry that is larger than all it keeps of a run: no reader that comes later could ever get it.
 */
export const tooLarge = (runId: string, offset: string, maxBytes: number): ChatKitError =>
  new ChatKitError('event.too_large', `An event is larger than the ${maxBytes} bytes that are kept of a run.`, {
    details: { id: runId, offset, maxBytes },
  });
