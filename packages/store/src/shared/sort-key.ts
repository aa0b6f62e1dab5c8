/**
 * Converts a `created_at` to a number to sort by. Its text would not sort: rows that Python wrote mix naive local
 * times, microseconds and offsets, and as text `…28Z` comes after `…28.9Z`.
 */
import { ChatKitError } from '@chatkit/core';

const isoForm = /^(\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2})?)(?:[.,](\d+))?(Z|[+-]\d{2}:?\d{2})?$/i;

/**
 * Microseconds since 1970, exact from 1684 to 2255 and within about 32 µs beyond. A time without an offset is taken as
 * UTC, so that the order does not depend on the machine. Anything that is not an ISO 8601 time is refused with
 * `request.invalid`.
 */
export const sortKey = (createdAt: string): number => {
  // Cached, because what is stored together often has the same time: a thread, its first message and the answer.
  if (createdAt !== last.text) last = { text: createdAt, key: microsecondsOf(createdAt) };
  return last.key;
};

let last = { text: '', key: 0 };

const microsecondsOf = (createdAt: string): number => {
  const match = typeof createdAt === 'string' ? isoForm.exec(createdAt) : null;
  const seconds = match === null ? Number.NaN : Date.parse(`${match[1]}${match[3] ?? 'Z'}`);
  if (match === null || Number.isNaN(seconds)) {
    throw new ChatKitError('request.invalid', 'created_at must be an ISO 8601 date and time.', {
      details: { path: 'created_at' },
    });
  }
  return seconds * 1000 + Number((match[2] ?? '').slice(0, 6).padEnd(6, '0'));
};
