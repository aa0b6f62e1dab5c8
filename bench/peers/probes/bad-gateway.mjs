import { verdict, watch } from './_answer.mjs';

export const question = 'A reset, and the first attempt to come back meets one 502';
export const needs = ['chat'];
export const run = async (toolkit) =>
  verdict(await watch(toolkit, (request) => [{ before: 'word40 ', end: 'reset' }, { status: 502 }][request]));
