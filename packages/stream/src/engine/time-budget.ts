/**
 * Keeps the event loop responsive while many items are ready. Without it, a replay of 200,000 items would run as one
 * unbroken chain of microtasks, and no timer, socket or click on Stop would get a turn until its end. Every loop that
 * drains items counts them here; after 8 ms of uninterrupted work it yields to the event loop once. The count is shared
 * by all pipelines, because it is their sum that blocks the loop, and they rest and go on together: otherwise each
 * source of a `merge` would go on alone while another rests. Price: one clock read per 256 items, and a slow stream,
 * which cannot be told from a busy one without a timer, yields needlessly once per 256 items.
 */

import { macrotask } from './macrotask.ts';
import { MAX_CHUNK } from './stage.ts';

const BUDGET_MS = 8;

let itemsSinceCheck = 0;
let sliceStart = 0;
const resting: (() => void)[] = [];

/**
 * Counts `items` of work. True means that the caller must stop here: the event loop gets a turn, then `goOn` is called
 * in a new time slice.
 */
export function mustRest(items: number, goOn: () => void): boolean {
  itemsSinceCheck += items;
  if (!resting[0]) {
    if (itemsSinceCheck < MAX_CHUNK) return false;
    itemsSinceCheck = 0;
    if (performance.now() - sliceStart <= BUDGET_MS) return false;
    macrotask(() => {
      sliceStart = performance.now();
      for (const each of resting.splice(0)) each();
    });
  }
  resting.push(goOn);
  return true;
}
