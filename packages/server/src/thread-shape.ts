/**
 * Error messages for what an application has made of a thread, with what to write instead. A thread is refused before
 * it is stored, because with a broken status it would never accept a message again.
 */
import type { ThreadMetadata } from '@chatkit/core';
import { describeValue } from './describe-value.ts';

/** The fields that are checked: what they must be, and what is said otherwise. */
const rules: readonly [
  field: keyof ThreadMetadata,
  isRight: (value: unknown, before: unknown) => boolean,
  advice: string,
][] = [
  ['id', (value, before) => value === before, 'A thread keeps its id.'],
  [
    'created_at',
    (value) => typeof value === 'string',
    'Threads are listed in the order of their dates, so leave it alone.',
  ],
  ['title', (value) => typeof (value ?? '') === 'string', 'It must be a string.'],
  [
    'status',
    (value) => ['active', 'locked', 'closed'].includes((value as { type?: string } | null | undefined)?.type as string),
    "Write `thread.status = { type: 'active' }`, or the type 'locked' or 'closed'.",
  ],
  [
    'metadata',
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    'Write `thread.metadata = {}` to empty it.',
  ],
];

/**
 * Throws for a field that no thread can have. Fields for which `isChanged` says no are left alone: a newer version of
 * the server may have stored what this one does not know.
 */
export const assertThread = (
  thread: ThreadMetadata,
  before: ThreadMetadata,
  isChanged: (value: unknown, before: unknown) => boolean,
): void => {
  for (const [field, isRight, advice] of rules) {
    const value: unknown = thread[field];
    if (!isChanged(value, before[field]) || isRight(value, before[field])) continue;
    throw new TypeError(`respond() or action() set thread.${field} to ${describeValue(value)}. ${advice}`);
  }
};
