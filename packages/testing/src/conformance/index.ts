// The contracts as tests: run them on a store, a log or a lease of your own.

export { type DescribeRunLeaseOptions, describeRunLease } from './describe-run-lease.ts';
export { type ContextOf, type DescribeStoreOptions, describeStore } from './describe-store.ts';
export { type DescribeStreamLogOptions, describeStreamLog } from './describe-stream-log.ts';
export type { Machines } from './lease/kit.ts';
