/** A clock that all processes of this machine share, in whole milliseconds since an arbitrary moment. */

/**
 * The kernel's monotonic clock, which nobody can set. It begins anew when the machine starts. In Bun and Deno, `hrtime`
 * counts from the start of the process and means nothing to other processes, so there it is the wall clock.
 */
export const machineNow: () => number =
  'bun' in process.versions || 'deno' in process.versions
    ? Date.now
    : () => Number(process.hrtime.bigint() / 1_000_000n);
