// The contracts as tests: run them on a store or a log of your own.

export { type ContextOf, type DescribeStoreOptions, describeStore } from './describe-store.ts';
export { type DescribeStreamLogOptions, describeStreamLog } from './describe-stream-log.ts';
