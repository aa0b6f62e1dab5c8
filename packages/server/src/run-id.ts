/** Run ids, chosen by the client or made here. They appear in headers and URLs, so their alphabet is narrow. */
import { createId } from '@chatkit/core';
import { digestOf } from './digest.ts';

const form = /^[A-Za-z0-9._~-]{1,128}$/;

export const isRunId = (text: string): boolean => form.test(text);

export const createRunId = (): string => createId('run');

/** The id to use when the client chose one that a run in another thread already has. The same each time. */
export const runIdIn = (threadId: string, chosen: string): string => `run_${digestOf([threadId, chosen])}`;

/**
 * The digits of a run id in the form `run_<24 hex digits>`: 96 random bits, which recur only when the same request is
 * sent again. Ids of other forms name no thread: a client that numbers its runs would find its new conversations in its
 * old threads.
 */
export const digitsOf = (runId: string): string | undefined => /^run_([0-9a-f]{24})$/.exec(runId)?.[1];

/**
 * The name from which the item id of a run's message is made: the same on every machine and after a restart. It begins
 * with the thread because the client chooses the run's id: in a third-party store, an id that a page can choose freely
 * might be that of another user's item.
 */
export const messageNameOf = (threadId: string, runId: string): string | undefined => {
  const digits = digitsOf(runId);
  return digits && `${threadId.replace(/^thr_/, '')}_${digits}`;
};
