/**
 * `take`: the first items of a stream.
 */

import { operator } from './engine/outlet.ts';
import { type Pump, pump } from './engine/pump.ts';
import type { Operator } from './stream.ts';

/**
 * The first `count` items. The source is closed before the last of them is handed out, and is not read at all when
 * `count` is 0.
 *
 * @example
 * pipe(numbers, take(3), collect); // the source has been closed when this resolves
 */
export function take<T>(count: number): Operator<T, T> {
  return operator((upstream) => {
    let left = count;
    const out: Pump<T> = pump<T, T>(upstream, {
      onPull() {
        if (count <= 0) out.endEarly();
      },
      takeAll(chunk) {
        left -= chunk.length;
        if (left > 0) out.offerAll(chunk);
        else out.endEarly(undefined, chunk.slice(0, chunk.length + left));
      },
    });
    return out;
  });
}
