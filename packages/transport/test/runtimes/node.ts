import '../transports.test.ts';

export { runAll } from '../../../../test/runtimes/mini-test.ts';
