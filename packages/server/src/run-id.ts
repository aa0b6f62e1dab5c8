/** The ids of runs. Chosen by the client or here; they appear in headers and URLs, so their alphabet is narrow. */
import { createId } from '@chatkit/core';

const form = /^[A-Za-z0-9._~-]{1,128}$/;

export const isRunId = (text: string): boolean => form.test(text);

export const createRunId = (): string => createId('run');
