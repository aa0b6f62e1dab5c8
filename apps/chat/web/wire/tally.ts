/** Whether all of an answer arrived, and once: told from its frames, not from what the page made of them. */
import type { AssistantMessageItem, ThreadStreamEvent } from '@chatkit/core';

/** What came of one run. */
export interface WireTally {
  readonly events: number;
  readonly connections: number;
  /** Events that came again. Anything but 0 is a bug of this project. */
  readonly twice: number;
  /**
   * Characters that came in pieces, and whether they are the text that the server kept. `undefined` before its end, or
   * without its beginning.
   */
  readonly text?: { readonly length: number; readonly isWhole: boolean } | undefined;
}

export interface Tally {
  readonly value: WireTally;
  /** A connection to a run, which goes on after an offset. */
  begin(runId: string, after: string | undefined): void;
  count(offset: string | undefined, event: ThreadStreamEvent | undefined): void;
}

const nothing: WireTally = { events: 0, connections: 0, twice: 0 };

/** Counts one run at a time: the connection to another one begins anew. */
export const createTally = (): Tally => {
  let value = nothing;
  let run: string | undefined;
  let last: Offset | undefined;
  /** The pieces of each message that was seen from its beginning, by its id. */
  let pieces = new Map<string, string[]>();

  const read = (event: ThreadStreamEvent) => {
    if (event.type === 'thread.item.added' && event.item.type === 'assistant_message')
      pieces.set(event.item.id, [textOf(event.item)]);
    if (event.type === 'thread.item.updated' && event.update.type === 'assistant_message.content_part.text_delta')
      pieces.get(event.item_id)?.push(event.update.delta);
    if (event.type !== 'thread.item.done' || event.item.type !== 'assistant_message') return;
    const text = pieces.get(event.item.id)?.join('');
    if (text !== undefined) value = { ...value, text: { length: text.length, isWhole: text === textOf(event.item) } };
  };

  return {
    get value() {
      return value;
    },
    begin(runId, after) {
      if (runId !== run) {
        value = nothing;
        last = offsetOf(after);
        pieces = new Map();
      }
      run = runId;
      value = { ...value, connections: value.connections + 1 };
    },
    count(id, event) {
      const offset = offsetOf(id);
      // What was written while nobody was connected comes in one piece, with the offset of its last: offsets skip, but
      // never go back.
      const isOld = offset !== undefined && last?.epoch === offset.epoch && offset.at <= last.at;
      value = { ...value, events: value.events + 1, twice: value.twice + (isOld ? 1 : 0) };
      if (!isOld) last = offset ?? last;
      if (event !== undefined) read(event);
    },
  };
};

interface Offset {
  readonly epoch: string;
  readonly at: number;
}

const offsetOf = (id = ''): Offset | undefined => {
  const [, epoch, digits] = /^(.*?)(\d+)$/.exec(id) ?? [];
  return epoch === undefined ? undefined : { epoch, at: Number(digits) };
};

const textOf = ({ content }: AssistantMessageItem): string => content.map((part) => part.text).join('');
