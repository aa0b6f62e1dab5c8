import { verdict, watch } from './_answer.mjs';

export const question = 'A gateway rewrites line ends to CRLF, which the SSE standard allows';
export const needs = ['chat'];
export const run = async (toolkit) =>
  verdict(await watch(toolkit, () => ({ rewrite: (text) => text.replaceAll('\n', '\r\n') })));
