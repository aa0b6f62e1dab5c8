// The documented error codes are the ones that exist, with the statuses that are sent.
import { readFileSync } from 'node:fs';
import { ChatKitError, type ErrorCode } from '@chatkit/core';
import { expect, test } from 'vitest';
import { errorReply } from '../src/error-reply.ts';

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
const document = read('../../../docs/reference/errors.md');
const source = read('../../core/src/error.ts');
const union = source.slice(
  source.indexOf('export type ErrorCode'),
  source.indexOf(';', source.indexOf('export type ErrorCode')),
);
const codes = [...union.matchAll(/'([a-z_.]+)'/g)].map(([, code]) => code as ErrorCode);

/** Rows of the first table: codes and the status that the document gives them. */
const rows = new Map(
  [...document.slice(0, document.indexOf('## On the stream')).matchAll(/^\| (`.*?`) \| (\d{3}) \|/gm)].flatMap(
    ([, names, status]) =>
      [...(names as string).matchAll(/`([^`]+)`/g)].map(([, name]) => [name, Number(status)] as const),
  ),
);

test('the list of codes is read from the source', () => expect(codes.length).toBeGreaterThan(30));

test.each(codes)('%s is documented', (code) => {
  expect(document).toMatch(new RegExp(`\`${code.replace('.', '\\.')}\``));
});

test.each([...rows])('%s is answered with %i', (code, status) => {
  expect(codes).toContain(code);
  const reply = errorReply(new ChatKitError(code as ErrorCode, 'x'));
  expect(reply.status).toBe(status);
  expect(JSON.parse(reply.body as string)).toEqual({
    error: { code, message: expect.any(String), retryable: code === 'internal' || code === 'request.rate_limited' },
  });
});

test.each(codes.filter((code) => !rows.has(code)))('%s is not answered with a status of its own', (code) => {
  expect(errorReply(new ChatKitError(code, 'secret')).status).toBe(500);
  expect(errorReply(new ChatKitError(code, 'secret')).body).not.toContain('secret');
});
