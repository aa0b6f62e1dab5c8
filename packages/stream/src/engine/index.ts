// What operators are made of, for those who write their own: docs/decisions/stream-engine.md says how it works.

export { type Deadline, deadline } from './deadline.ts';
export { stageOf } from './inlet.ts';
export { macrotask } from './macrotask.ts';
export { outlet } from './outlet.ts';
export type { Cleanup, Failure, Sink, Stage } from './stage.ts';
