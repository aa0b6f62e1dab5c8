/**
 * Where a turn of the event loop ends. Text that becomes ready within one turn leaves in one write, so somebody has to
 * know when nothing more will come before the loop looks at its sockets again.
 */

import { macrotask } from '@chatkit/stream/engine';

type Task = () => void;

/** Empty microtasks that stand for the end of a turn where there is no `process.nextTick`; a generator's step takes three. */
const hops = 8;

/**
 * Runs `task` once the microtasks that are ready now, and those they lead to, have run, and before any I/O: nothing is
 * delayed by it. Node, Bun and Deno have that place in `process.nextTick`. Elsewhere a few empty microtasks come close;
 * the price of being wrong there is a smaller batch. A `process` without versions is somebody's stand-in, whose `nextTick` may
 * throw (Next.js Edge) or be a timer (bundlers).
 */
export const atTurnEnd: (task: Task) => void = globalThis.process?.versions?.node
  ? process.nextTick
  : (task) => hop(task, hops);

const hop = (task: Task, left: number): void => {
  queueMicrotask(left === 0 ? task : () => hop(task, left - 1));
};

/** Those who wait for a later turn, in the order in which they asked. */
const waiting: Task[] = [];
let next = 0;
let isTurnDue = false;

/**
 * Resolves in a later turn of the event loop, I/O included. One caller goes on per turn, in the order of asking: hundreds
 * of busy connections then take turns of one batch each, and between two of them the loop accepts a new connection. (If
 * all went on in the same turn, a turn would take as long as all their batches, and libuv accepts one connection a turn.)
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
