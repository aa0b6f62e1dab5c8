import { describeTransport } from '../support/describe-transport.ts';
import { inProcess, MiB, ndjson, sse, under } from '../support/transports.ts';

// A worker cannot listen: over its own server it is asked from outside, by test/runtimes/serving.mjs.
describeTransport('Response in process', under(inProcess, sse, MiB));
describeTransport('Response in process, NDJSON', under(inProcess, ndjson, MiB));

export { runAll } from '../../../../test/runtimes/mini-test.ts';
