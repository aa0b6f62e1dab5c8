import { verdict, watch } from './_answer.mjs';

export const question = 'The connection is reset in the middle of an answer';
export const needs = ['chat'];
export const run = async (toolkit) =>
  verdict(await watch(toolkit, (request) => (request === 0 ? { before: 'word40 ', end: 'reset' } : undefined)));
