/**
 * Runs a task in the next turn of the event loop: the fastest way each runtime has to let sockets, timers and clicks go
 * first.
 */

/** The browsers' scheduler, where there is one. */
interface Scheduler {
  postTask?(task: () => void): unknown;
}

/**
 * Calls `task` in a later turn of the event loop, after all pending microtasks and the ones those queue.
 *
 * Uses `setImmediate` where it exists and `scheduler.postTask` in browsers; elsewhere a timer. That is fine in workerd,
 * which does not clamp timers. Browsers without the scheduler clamp them to 4 ms, which makes a long replay take half
 * as long again. A message channel is not clamped, but takes ten lines, since a runtime may garbage-collect a channel
 * that nobody refers to.
 */
export function macrotask(task: () => void): void {
  const { setImmediate, scheduler } = globalThis as { setImmediate?: Macrotask; scheduler?: Scheduler };
  if (setImmediate) setImmediate(task);
  else if (scheduler?.postTask) scheduler.postTask(task);
  else setTimeout(task);
}

type Macrotask = (task: () => void) => unknown;
