/**
 * Keeps the event loop alive while many items are ready. A replay of 200,000 items would otherwise run as one
 * unbroken chain of microtasks, and no timer, no socket and no click on Stop would get a turn until its end. Every
 * drain path counts its items here; after 8 ms of uninterrupted work it lets one macrotask run. The count is shared
 * by all pipelines, because it is their sum that blocks the loop. Price: one clock read per 256 items, and a slow
 * stream, which cannot be told from a busy one without a timer, yields once per 256 items for nothing.
 */

import { macrotask } from './macrotask.ts';
import { MAX_CHUNK } from './stage.ts';

const BUDGET_MS = 8;

let itemsSinceCheck = 0;
let sliceStart = 0;

/**
 * Counts `items` of work. True when the caller has to stop here: the event loop has a turn, and `goOn` is called after
 * it, in a new slice of time.
 */
export function mustRest(items: number, goOn: () => void): boolean {
  itemsSinceCheck += items;
  if (itemsSinceCheck < MAX_CHUNK) return false;
  itemsSinceCheck = 0;
  const isOver = performance.now() - sliceStart > BUDGET_MS;
  if (isOver) inNextTurn(goOn);
  return isOver;
}

/** Calls `then` after the event loop has had a turn, and starts a new slice of time. */
export function inNextTurn(then: () => void): void {
  macrotask(() => {
    sliceStart = performance.now();
    then();
  });
}
