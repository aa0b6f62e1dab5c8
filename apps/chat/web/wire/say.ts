/** The entries of the wire in a few words. */
import type { ThreadStreamEvent } from '@chatkit/core';
import type { WireEntry } from './wire.ts';

export interface Said {
  readonly what: string;
  /** What was written, if it is a piece of text. */
  readonly text?: string | undefined;
}

export const say = ({ kind, text, offset, event }: WireEntry): Said => {
  switch (kind) {
    case 'request':
      return { what: offset === undefined ? text : `${text}, after ${offset}` };
    case 'refused':
      return { what: `${text}: no network` };
    case 'broken':
      return { what: 'The connection broke' };
    case 'end':
      return { what: 'The end' };
    case 'heartbeat':
      return { what: 'Heartbeat' };
    case 'frame':
      return event === undefined ? { what: text } : ofEvent(event);
  }
};

const ofEvent = (event: ThreadStreamEvent): Said => {
  switch (event.type) {
    case 'thread.item.updated': {
      const { update } = event;
      return {
        what: update.type.replace(/^assistant_message\.(?:content_part\.(?=\w+_))?/, ''),
        text: inOneLine(textIn(update)),
      };
    }
    case 'thread.item.added':
    case 'thread.item.done':
      return { what: `${event.type.slice('thread.'.length)} ${event.item.type}` };
    case 'progress_update':
      return { what: event.type, text: event.text };
    default:
      return { what: event.type };
  }
};

const inOneLine = (text: string | undefined) => text?.replaceAll('\n', '↵');

type Update = Extract<ThreadStreamEvent, { type: 'thread.item.updated' }>['update'];

const textIn = (update: Update): string | undefined => {
  if ('delta' in update) return update.delta;
  if ('task' in update && 'content' in update.task) return update.task.content;
  return undefined;
};

/** What is shown in one line: an entry, or updates of one kind in a row, of which there are dozens a second. */
export interface Row extends Said {
  readonly key: number;
  readonly kind: WireEntry['kind'];
  /** Of the newest. */
  readonly offset?: string | undefined;
  readonly count: number;
}

/** How much of a text that grows is shown: its end. */
const SHOWN = 24;

/** The lines of the entries, both with the newest first. A line keeps its key while it grows. */
export const rowsOf = (entries: readonly WireEntry[]): readonly Row[] => {
  const rows: Row[] = [];
  for (const entry of entries) {
    const { kind, key, offset, event } = entry;
    const { what, text } = say(entry);
    const newer = rows.at(-1);
    if (newer?.what !== what || event?.type !== 'thread.item.updated') {
      rows.push({ key, kind, offset, what, text, count: 1 });
      continue;
    }
    const isWritten = event.update.type === 'assistant_message.content_part.text_delta';
    const shown = isWritten ? `${text}${newer.text}` : newer.text;
    rows[rows.length - 1] = { ...newer, key, count: newer.count + 1, text: shown };
  }
  return rows.map((row) => ({ ...row, text: endOf(row.text) }));
};

const endOf = (text: string | undefined) =>
  text === undefined || text.length <= SHOWN ? text : `…${text.slice(-SHOWN).replace(/^[\uDC00-\uDFFF]/, '')}`;
