/**
 * The states of a pipeline's two edges (`inlet.ts` and `outlet.ts`). Numbers, because a JavaScript engine checks the
 * kind of a string at every comparison. In a file of their own, because the bundler inlines constants only from a file
 * that begins with them.
 */

/** No request is open. */
export const IDLE = 0;
/** In the loop that reads and answers for as long as somebody is asking. */
export const SERVING = 1;
/** The answer will come asynchronously. */
export const WAITING = 2;
/** Has yielded to the event loop, and goes on in a later turn. */
export const RESTING = 3;
/** Nothing more will come from here: the source is over, or the stage has been handed to another pipeline. */
export const OVER = 4;
/** Inside a call to the source, which may answer before it returns, and may close the pipeline. */
export const ASKING = 5;
