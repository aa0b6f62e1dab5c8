/**
 * Decides whether a body that ended without a terminal frame is complete. The Python SDK's server never sends that
 * frame. Such a body is complete if at least one event came, the last frame was finished, and so was every item begun.
 */
import type { RunOutcome, ThreadStreamEvent } from '@chatkit/core';

export interface PlainEnding {
  /** Takes the bytes of one read and the events in them. */
  take(bytes: Uint8Array, events: readonly ThreadStreamEvent[]): void;
  isWhole(): boolean;
  /** `failed` if the stream contained an `error` event, else `completed`. */
  outcome(): RunOutcome;
}

export const createPlainEnding = (): PlainEnding => {
  const open = new Set<string>();
  /** The last bytes of the body: enough to see a blank line in any of the three line endings. */
  let tail = '';
  let count = 0;
  let outcome: RunOutcome = 'completed';

  const take = (event: ThreadStreamEvent): void => {
    count += 1;
    switch (event.type) {
      case 'thread.item.added':
        open.add(event.item?.id);
        break;
      case 'thread.item.done':
      case 'thread.item.replaced':
        open.delete(event.item?.id);
        break;
      case 'thread.item.removed':
        open.delete(event.item_id);
        break;
      case 'error':
        outcome = 'failed';
        break;
      default:
    }
  };

  return {
    take(bytes, events) {
      tail = (tail + String.fromCharCode(...bytes.subarray(-4))).slice(-4);
      for (const event of events) take(event);
    },
    // After an error, the Python SDK's server leaves begun items unfinished.
    isWhole: () => count > 0 && (outcome === 'failed' || open.size === 0) && endsWithBlankLine(tail),
    outcome: () => outcome,
  };
};

/** Whether the text ends with two line ends of any kind; `CR LF` counts as one. */
const endsWithBlankLine = (text: string): boolean => /(?:\n\n|\r\r\n?|\n\r\n?)$/.test(text);
