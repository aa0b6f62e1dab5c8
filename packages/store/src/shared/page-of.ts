/** Pages of a list: validates the options, and makes a page from rows of which one more was queried than wanted. */
import { ChatKitError, type Page, type PageOptions } from '@chatkit/core';

/** Refuses a limit that is not a whole number of at least 1, and an unknown order, with `request.invalid`. */
export const assertPageOptions = (page: PageOptions): void => {
  if (!Number.isSafeInteger(page.limit) || page.limit < 1)
    throw new ChatKitError('request.invalid', 'limit must be a whole number of at least 1.', {
      details: { path: 'limit' },
    });
  if (page.order !== 'asc' && page.order !== 'desc')
    throw new ChatKitError('request.invalid', 'order must be asc or desc.', { details: { path: 'order' } });
};

/** The page of `limit` entries from up to `limit + 1` rows: an extra row means that there are more. */
export const pageOf = <T>(rows: readonly { id: string; json: string }[], limit: number): Page<T> => {
  const shown = rows.length > limit ? rows.slice(0, limit) : rows;
  const data = shown.map((row) => JSON.parse(row.json) as T);
  const last = shown.at(-1);
  return rows.length > limit && last !== undefined
    ? { data, has_more: true, after: last.id }
    : { data, has_more: false };
};
