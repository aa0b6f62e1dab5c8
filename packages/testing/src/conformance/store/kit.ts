/** Helpers that the parts of the store kit share. */
import type { PageOptions, Store } from '@chatkit/core';

export interface StoreKit<Context> {
  /** The store under test; available from the first test on. */
  store(): Store<Context>;
  /** A context of a new user, for whom nothing has been stored. */
  someone(): Context;
  contextOf(userId: string): Context;
  /** How many random histories are tried. */
  runs: number;
}

export const asc = (limit: number, after?: string): PageOptions => ({ limit, order: 'asc', after });
export const desc = (limit: number, after?: string): PageOptions => ({ limit, order: 'desc', after });
export const idsOf = (page: { data: readonly { id: string }[] }): string[] => page.data.map((each) => each.id);
/** Numbers from 0 to n-1. */
export const range = (n: number): number[] => Array.from({ length: n }, (_, index) => index);
