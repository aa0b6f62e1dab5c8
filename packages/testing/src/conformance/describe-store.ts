/**
 * The conformance kit of `Store`: every MUST of the contract as a test, for any implementation. All tests of a suite
 * share one store and each uses users of its own, which is itself a test of isolation.
 */
import { createId, type Store } from '@chatkit/core';
import { afterAll, beforeAll, describe } from 'vitest';
import { describeAttachments } from './store/attachments.ts';
import { describeIsolation } from './store/isolation.ts';
import { describeItems } from './store/items.ts';
import type { StoreKit } from './store/kit.ts';
import { describePages } from './store/pages.ts';
import { describeThreads } from './store/threads.ts';
import { describeTransactions } from './store/transactions.ts';
import { describeValues } from './store/values.ts';
import { describeVersions } from './store/versions.ts';

/** The type of context that a store's methods take. */
export type ContextOf<S extends Store> = S extends Store<infer Context> ? Context : never;

export interface DescribeStoreOptions<S extends Store> {
  /** A context of the user with this id. Default: `{ userId }`. */
  context?: ((userId: string) => ContextOf<S>) | undefined;
  /** Called with the store after the last test. */
  close?: ((store: S) => void | Promise<void>) | undefined;
  /** How many random histories are compared with the model. Default 40. */
  runs?: number | undefined;
  /** Vitest's timeout for each test, in milliseconds. Default 30,000. */
  timeoutMs?: number | undefined;
}

/**
 * Declares a vitest suite that checks a store. `createStore` is called once; every test uses users that no other test
 * uses, so a database that is not empty does no harm.
 *
 * @example
 * describeStore('my store', () => createMyStore({ url: process.env.DATABASE_URL }));
 */
export const describeStore = <S extends Store>(
  name: string,
  createStore: () => S | Promise<S>,
  options: DescribeStoreOptions<S> = {},
): void => {
  describe(name, { timeout: options.timeoutMs ?? 30_000 }, () => {
    let store: S;
    const contextOf = options.context ?? ((userId) => ({ userId }) as ContextOf<S>);
    /** A context that nobody has used before. */
    const someone = (): ContextOf<S> => contextOf(createId('message').replace('msg', 'user'));
    beforeAll(async () => {
      store = await createStore();
    });
    afterAll(() => options.close?.(store));

    const kit: StoreKit<ContextOf<S>> = { store: () => store, someone, contextOf, runs: options.runs ?? 40 };
    describeThreads(kit);
    describeItems(kit);
    describeAttachments(kit);
    describePages(kit);
    describeIsolation(kit);
    describeVersions(kit);
    describeTransactions(kit);
    describeValues(kit);
  });
};
