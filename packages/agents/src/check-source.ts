/**
 * Errors for a bridge that was given something other than its stream. These are mistakes of the first hour, and the
 * runtime's own message ("source is not async iterable") does not say what to do.
 */

/** Throws if `source` is not a stream. `cure` says how to get the stream that this bridge reads. */
export const checkSource = (bridge: string, source: unknown, cure: string): void => {
  const given = Object(source) as object;
  if (Symbol.asyncIterator in given || Symbol.iterator in given || 'getReader' in given) return;
  if ('then' in given) throw new TypeError(`${bridge}() needs a stream, and got a promise. Await it first.`);
  throw new TypeError(`${bridge}() needs a stream, and got ${describe(source)}. ${cure}`);
};

/** The error about a stream from whose chunks the bridge could show nothing. */
export const unreadable = (bridge: string, chunk: unknown, cure: string): TypeError =>
  new TypeError(`${bridge}() found nothing to show in its stream, whose first chunk is ${describe(chunk)}. ${cure}`);

const describe = (value: unknown): string => {
  if (typeof value === 'string') return 'a text';
  if (typeof value !== 'object' || value === null) return String(value);
  return `an object with the keys ${Object.keys(value).slice(0, 5).join(', ') || '(none)'}`;
};
