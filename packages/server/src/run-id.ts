/** The ids of runs. Chosen by the client or here; they appear in headers and URLs, so their alphabet is narrow. */
import { createId } from '@chatkit/core';
import { digestOf } from './digest.ts';

const form = /^[A-Za-z0-9._~-]{1,128}$/;

export const isRunId = (text: string): boolean => form.test(text);

export const createRunId = (): string => createId('run');

/** The id, the same each time, of a run in a thread whose client chose an id that a run of another thread has. */
export const runIdIn = (threadId: string, chosen: string): string => `run_${digestOf([threadId, chosen])}`;

/**
 * The digits of a run id of the usual form, 96 bits that are met again only when the same request comes again. Ids of
 * other forms name nothing: a client that counts its runs would have its new conversations in its old ones.
 */
export const digitsOf = (runId: string): string | undefined => /^run_([0-9a-f]{24})$/.exec(runId)?.[1];

/**
 * What names the message of a run within its thread: the same on every machine and after a restart. It begins with the
 * thread, because the client chooses the run's id, and in a store of somebody's own an id that a page can choose might
 * be that of another user's item.
 */
export const messageNameOf = (threadId: string, runId: string): string | undefined => {
  const digits = digitsOf(runId);
  return digits && `${threadId.replace(/^thr_/, '')}_${digits}`;
};
