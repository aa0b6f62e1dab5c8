/** The test files that need nothing but the web's own APIs. */

import '../batching.test.ts';
import '../compositions.test.ts';
import '../contract.test.ts';
import '../hostile.test.ts';
import '../laws.test.ts';
import '../model.test.ts';
import '../sharing.test.ts';
import '../smooth.test.ts';
import '../time.test.ts';

export { runAll } from '../../../../test/runtimes/mini-test.ts';
