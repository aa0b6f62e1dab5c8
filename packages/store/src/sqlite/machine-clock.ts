/** What time it is for all processes of this machine, in whole milliseconds since some moment. */

/**
 * The kernel's monotonic clock, which nobody sets. It begins anew when the machine starts. Where `hrtime` counts from
 * the start of the process (Bun, Deno), it means nothing to another one: there it is the wall clock.
 */
export const machineNow: () => number =
  'bun' in process.versions || 'deno' in process.versions
    ? Date.now
    : () => Number(process.hrtime.bigint() / 1_000_000n);
