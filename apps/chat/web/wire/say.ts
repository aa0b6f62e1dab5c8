/** An entry of the wire in a few words. */
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
      return { what: update.type.replace('assistant_message.content_part.', ''), text: inOneLine(textIn(update)) };
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
  if ('task' in update && 'content' in update.task) return update.task.content?.slice(-40);
  return undefined;
};
