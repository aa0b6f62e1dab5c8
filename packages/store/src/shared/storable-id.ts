/**
 * Which ids a store accepts. Databases differ on unusual ids (PostgreSQL refuses NUL, UTF-8 turns every lone surrogate
 * into the same replacement character, an index entry has a maximum size), so all drivers refuse the same ones before
 * they reach a database. Two ids are never confused.
 */
import { ChatKitError } from '@chatkit/core';

/** The longest id, in UTF-16 code units. Three ids and a number fit into an index entry of PostgreSQL. */
const maxIdLength = 200;

// biome-ignore lint/suspicious/noControlCharactersInRegex: NUL is what it looks for.
const unstorable = /[\u0000\p{Surrogate}]/u;

/** Whether `id` can be stored: 1 to 200 characters, no NUL, no lone surrogate. */
export const isStorableId = (id: string): boolean => id.length > 0 && id.length <= maxIdLength && !unstorable.test(id);

/** Refuses an id that cannot be stored with `request.invalid`. `path` names the field. */
export const assertStorableId = (id: unknown, path: string): void => {
  if (typeof id === 'string' && isStorableId(id)) return;
  throw new ChatKitError('request.invalid', `${path} must be 1 to ${maxIdLength} characters of well-formed text.`, {
    details: { path },
  });
};
