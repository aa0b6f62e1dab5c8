/** The ids of runs. Chosen by the client or here; they appear in headers and URLs, so their alphabet is narrow. */
import { createId } from '@chatkit/core';
import { digestOf } from './digest.ts';

const form = /^[A-Za-z0-9._~-]{1,128}$/;

export const isRunId = (text: string): boolean => form.test(text);

export const createRunId = (): string => createId('run');

/** The id, the same each time, of a run in a thread whose client chose an id that a run of another thread has. */
export const runIdIn = (threadId: string, chosen: string): string => `run_${digestOf([threadId, chosen])}`;

/**
 * What names the message of a run within its thread: the same on every machine and after a restart; `undefined` for a run id that
 * is not of the usual form. It begins with the thread, because the client chooses the run's id, and in a store of somebody's own an
 * id that a page can choose might be that of another user's item.
 */
export const messageNameOf = (threadId: string, runId: string): string | undefined => {
  const digits = /^run_([0-9a-f]{24})$/.exec(runId)?.[1];
  return digits && `${threadId.replace(/^thr_/, '')}_${digits}`;
};
