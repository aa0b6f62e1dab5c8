import { verdict, watch } from './_answer.mjs';

export const question = 'A proxy closes the response in the middle of an answer, cleanly';
export const needs = ['chat'];
export const run = async (toolkit) =>
  verdict(await watch(toolkit, (request) => (request === 0 ? { before: 'word40 ', end: 'clean' } : undefined)));
