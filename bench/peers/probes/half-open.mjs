import { verdict, watch } from './_answer.mjs';

export const question = 'The connection falls silent without being closed (watched for 12 s; our heartbeat set to 1 s)';
export const needs = ['chat'];
export const run = async (toolkit) =>
  verdict(
    await watch(toolkit, (request) => (request === 0 ? { before: 'word40 ', end: 'silence' } : undefined), {
      forMs: 12_000,
      serve: { heartbeatMs: 1000 },
    }),
  );
