/** Which ids a `Store` accepts. */

// biome-ignore lint/suspicious/noControlCharactersInRegex: NUL is what it looks for.
const unstorable = /[\u0000\p{Surrogate}]/u;

/**
 * Whether `id` can be stored: 1 to 200 characters (UTF-16 code units), no NUL, no lone surrogate. The
 * stores of `@chatkit/store` refuse other ids alike, before they reach a database, because databases differ on them:
 * PostgreSQL refuses NUL, UTF-8 turns every lone surrogate into the same replacement character, and an index entry of
 * PostgreSQL has room for three ids of that length.
 *
 * @example
 * if (!isStorableId(id)) throw new TypeError(`${id} cannot be the id of an item.`);
 */
export const isStorableId = (id: string): boolean => id.length > 0 && id.length <= 200 && !unstorable.test(id);
