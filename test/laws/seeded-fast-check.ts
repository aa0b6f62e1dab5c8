/**
 * fast-check with one seed for all the laws of a file, which is printed when one of its tests fails. fast-check itself
 * prints the seed of a counterexample, but a law that hangs has none. `CHATKIT_SEED` sets it.
 */
import fc from 'fast-check';
import { beforeEach } from 'vitest';

const seed = Number(process.env['CHATKIT_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
fc.configureGlobal({ seed });

beforeEach(({ onTestFailed }) => {
  onTestFailed(() => console.error(`CHATKIT_SEED=${seed} tries the laws of this file with the same values.`));
});

export default fc;
export * from 'fast-check';
