/**
 * The lines that stand behind an answer that did not come to its end, as items of the thread: what every tab and every
 * reload shows.
 */

export const STOPPED = 'You stopped this answer.';

/** By the server: a deploy, a limit of time, a machine that died. */
export const INTERRUPTED = 'This answer was interrupted.';
