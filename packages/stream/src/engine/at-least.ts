/**
 * What a bound on a number of items becomes: a whole number, rounded down, and not less than the least with which the
 * stream still moves. That is also what `NaN` becomes, which compares with nothing: a queue bounded by it would have no
 * room for ever.
 */
export const atLeast = (least: number, count: number): number => (count >= least ? Math.floor(count) : least);
