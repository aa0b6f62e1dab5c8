// The parts that operators are made of, for writing your own. docs/decisions/stream-engine.md explains how they work.

export { type Deadline, deadline } from './deadline.ts';
export { stageOf } from './inlet.ts';
export { macrotask } from './macrotask.ts';
export { outlet } from './outlet.ts';
export type { Cleanup, Failure, Sink, Stage } from './stage.ts';
