/**
 * Tells whether a body without a terminal frame, which is all that a server of the reference sends, is whole. It is when
 * something came, the last frame was finished, and so was every item that was begun (protocol §6: "a stream closing
 * without any event or mid-item is an error, not success").
 */
import type { RunOutcome, ThreadStreamEvent } from '@chatkit/core';

export interface PlainEnding {
  /** Takes what came with one read. */
  take(bytes: Uint8Array, events: readonly ThreadStreamEvent[]): void;
  isWhole(): boolean;
  /** `failed` when the stream told of an error, else `completed`. */
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
    // After an error the reference leaves what was begun as it is.
    isWhole: () => count > 0 && (outcome === 'failed' || open.size === 0) && endsWithBlankLine(tail),
    outcome: () => outcome,
  };
};

/** Two line ends in a row, of any kind; `CR LF` is one. */
const endsWithBlankLine = (text: string): boolean => /(?:\n\n|\r\r\n?|\n\r\n?)$/.test(text);
