export { fromNodeReadable } from './from-node-readable.ts';
export { type ToNodeReadableOptions, toNodeReadable } from './to-node-readable.ts';
