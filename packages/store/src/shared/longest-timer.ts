/**
 * The longest delay that a timer supports; it takes a longer one, `Infinity` included, for none at all. So does SQLite's
 * `busy_timeout`.
 */
export const longestTimerMs = 2 ** 31 - 1;
