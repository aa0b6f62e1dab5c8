/**
 * Where a turn of the event loop ends. Text that becomes ready within one turn leaves in one write, so somebody has to
 * know when nothing more will come before the loop looks at its sockets again.
 */

type Task = () => void;

/** Empty microtasks that stand for the end of a turn where there is no `process.nextTick`; a generator's step takes three. */
const hops = 8;

/**
 * Runs `task` once the microtasks that are ready now, and those they lead to, have run, and before any I/O: nothing is
 * delayed by it. Node, Bun and Deno have that place in `process.nextTick`. Elsewhere a few empty microtasks come close;
 * the price of being wrong there is a smaller batch.
 */
export function endOfTurn(task: Task): void {
  const nextTick: ((task: Task) => void) | undefined = globalThis.process?.nextTick;
  if (typeof nextTick === 'function') nextTick(task);
  else hop(task, hops);
}

const hop = (task: Task, left: number): void => {
  queueMicrotask(left === 0 ? task : () => hop(task, left - 1));
};

/** Resolves after the event loop has had a turn, I/O included. */
export const nextTurn = (): Promise<void> =>
  new Promise((resolve) => {
    if (typeof setImmediate === 'function') setImmediate(resolve);
    else if (typeof MessageChannel === 'function') {
      // Not `setTimeout`: browsers clamp it to 4 ms once it is nested.
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        resolve();
      };
      port2.postMessage(0);
    } else setTimeout(resolve, 0);
  });
