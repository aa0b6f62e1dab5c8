/**
 * `tee`: splits a stream in two.
 */

import { Hub } from './engine/hub.ts';
import { stageOf } from './engine/inlet.ts';
import { outlet } from './engine/outlet.ts';
import type { Source, Stream } from './stream.ts';

/** Options of `tee`. */
export interface TeeOptions {
  /** How far one branch may be ahead of the other, in items; at least 1. Default 1024; `Infinity` keeps everything. */
  capacity?: number | undefined;
}

/**
 * Two streams that each deliver all the items of the source. The branches share one buffer; a branch that is `capacity`
 * items ahead waits for the other, so read them at the same time. A closed branch no longer holds the other back;
 * closing both closes the source. For readers that come and go, use `broadcast`.
 *
 * @example
 * const [shown, saved] = tee(tokens);
 * await Promise.all([pipe(shown, forEach(render)), pipe(saved, collect)]);
 */
export function tee<T>(source: Source<T>, options: TeeOptions = {}): [Stream<T>, Stream<T>] {
  const hub = new Hub(stageOf(source), options);
  const branch = (): Stream<T> => outlet<T>(hub._subscribe({}));
  return [branch(), branch()];
}
