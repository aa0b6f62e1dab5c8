/**
 * The beginning of a stream.
 */

import { operator } from './engine/outlet.ts';
import { relay } from './engine/relay.ts';
import type { Operator } from './stream.ts';

/**
 * The first `count` items. The source is closed before the last of them is handed out, and is not read at all when
 * `count` is 0.
 *
 * @example
 * pipe(numbers, take(3), collect); // the source has been closed when this resolves
 */
export function take<T>(count: number): Operator<T, T> {
  return operator((upstream) =>
    relay<T, T>(upstream, (out) => {
      let left = count;
      if (left <= 0) out.instead(() => out.endEarly([]));
      return {
        item(value) {
          if (--left > 0) out.item(value);
          else out.endEarly([value]);
        },
        items(chunk) {
          left -= chunk.length;
          if (left > 0) out.items(chunk);
          else out.endEarly(chunk.slice(0, chunk.length + left));
        },
      };
    }),
  );
}
