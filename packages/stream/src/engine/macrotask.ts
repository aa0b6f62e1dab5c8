/**
 * The next turn of the event loop, as soon as the runtime has one. Whoever yields to sockets, timers and clicks without
 * wanting to wait calls this.
 */

/** The browsers' own means, for those that have it. */
interface Scheduler {
  postTask?(task: () => void): unknown;
}

/**
 * Calls `task` in a later turn of the event loop, behind every microtask that is ready and what those lead to.
 *
 * `setImmediate` where there is one, `scheduler.postTask` in browsers. A timer elsewhere: right in workerd, which does
 * not clamp; in browsers without the scheduler it is clamped to 4 ms, which makes a long replay half as long again. A
 * message channel would not be clamped, but is ten lines, since a runtime may collect one that nobody refers to.
 */
export function macrotask(task: () => void): void {
  const { setImmediate, scheduler } = globalThis as { setImmediate?: Macrotask; scheduler?: Scheduler };
  if (setImmediate) setImmediate(task);
  else if (scheduler?.postTask) scheduler.postTask(task);
  else setTimeout(task);
}

type Macrotask = (task: () => void) => unknown;
