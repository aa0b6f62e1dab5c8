/**
 * Scheduling around turns of the event loop. Text that becomes ready within one turn leaves in one write, so the writer
 * must know when the turn ends: when nothing more will come before the loop polls its sockets again.
 */

import { macrotask } from '@chatkit/stream/engine';

type Task = () => void;

/**
 * How many empty microtasks approximate the end of a turn where there is no `process.nextTick`; one step of an async
 * generator takes three.
 */
const hops = 8;

/**
 * Runs `task` after all pending microtasks, including those they queue, and before any I/O, so it delays nothing. In
 * Node, Bun and Deno that is `process.nextTick`. Elsewhere a few empty microtasks come close; if they are too few, the
 * price is a smaller batch. A `process` without `versions.node` is a polyfill, whose `nextTick` may throw (Next.js
 * Edge) or be a timer (bundlers).
 */
export const atTurnEnd: (task: Task) => void = globalThis.process?.versions?.node
  ? process.nextTick
  : (task) => hop(task, hops);

const hop = (task: Task, left: number): void => {
  queueMicrotask(left === 0 ? task : () => hop(task, left - 1));
};

/** The callers waiting for a later turn, in call order. */
const waiting: Task[] = [];
let next = 0;
let isTurnDue = false;

/**
 * Resolves in a later turn of the event loop, after I/O. One caller resumes per turn, in call order. So hundreds of
 * busy connections take turns of one batch each, and in between the loop can accept a new connection. (If all resumed
 * in the same turn, a turn would last as long as all their batches, and libuv accepts one connection per turn.)
 */
export const nextTurn = (): Promise<void> =>
  new Promise((resolve) => {
    waiting.push(resolve);
    scheduleTurn();
  });

function scheduleTurn(): void {
  if (isTurnDue) return;
  isTurnDue = true;
  macrotask(takeTurn);
}

function takeTurn(): void {
  isTurnDue = false;
  const resume = waiting[next++];
  if (next === waiting.length) {
    waiting.length = next = 0;
  } else {
    if (next >= 1024) {
      waiting.splice(0, next);
      next = 0;
    }
    scheduleTurn();
  }
  resume?.();
}
