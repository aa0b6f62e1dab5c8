/**
 * Where the edges of a pipeline stand. Numbers, because the engine checks at every comparison of a string what kind of
 * string it is; in a file of their own, because the build writes constants in place only if nothing comes before them.
 */

/** Nothing is asked for. */
export const IDLE = 0;
/** Answers, and asks on for as long as there is somebody to answer. */
export const SERVING = 1;
/** The answer comes later. */
export const WAITING = 2;
/** The event loop has a turn. */
export const RESTING = 3;
/** Nothing follows from here: the source is over, or the stage has been given away. */
export const OVER = 4;
/** In a call of the source, which may answer before it returns, and which may close the pipeline. */
export const ASKING = 5;
