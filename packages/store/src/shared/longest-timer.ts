/** The longest delay that a timer supports; a longer one, `Infinity` included, fires at once. */
export const longestTimerMs = 2 ** 31 - 1;
