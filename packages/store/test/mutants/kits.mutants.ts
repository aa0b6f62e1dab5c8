// Runs the kits on every mutant. Not a suite of its own: `kits-can-fail.test.ts` runs it and expects failures.
import { describeRunLease, describeStore, describeStreamLog } from '@chatkit/testing/conformance';
import { leaseMutants, passTime, soundLease } from './lease-mutants.ts';
import { logMutants, soundLog } from './log-mutants.ts';
import { soundStore, storeMutants } from './store-mutants.ts';

// Many mutants hang where they are wrong: no need to wait for them.
const quick = { runs: 40, timeoutMs: 200 };
describeStore('sound store', soundStore, { runs: 40 });
// Stores do not hang, and one of them shows itself in few histories.
const many = { runs: 200, timeoutMs: 2_000 };
for (const [name, { make }] of Object.entries(storeMutants)) describeStore(name, make, many);
describeStreamLog('sound log', soundLog, { runs: 40, hasRows: true });
for (const [name, { make, hasRows }] of Object.entries(logMutants))
  describeStreamLog(name, make, { ...quick, hasRows });
const leased = { ...quick, passTime };
describeRunLease('sound lease', soundLease, { runs: 40, passTime });
for (const [name, { make }] of Object.entries(leaseMutants)) describeRunLease(name, make, leased);
