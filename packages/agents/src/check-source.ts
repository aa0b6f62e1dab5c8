/**
 * What a bridge is given in place of a stream. Each is a mistake of the first hour, and the runtime's own words for it
 * ("source is not async iterable") name no cure.
 */

/** Throws for what is no stream. `cure` says how the stream of this bridge is had. */
export const checkSource = (bridge: string, source: unknown, cure: string): void => {
  const given = Object(source) as object;
  if (Symbol.asyncIterator in given || Symbol.iterator in given || 'getReader' in given) return;
  if ('then' in given) throw new TypeError(`${bridge}() needs a stream, and got a promise. Await it first.`);
  throw new TypeError(`${bridge}() needs a stream, and got ${describe(source)}. ${cure}`);
};

/** What chunks are that no bridge has been able to read. */
export const unreadable = (bridge: string, chunk: unknown, cure: string): TypeError =>
  new TypeError(`${bridge}() found nothing to show in its stream, whose first chunk is ${describe(chunk)}. ${cure}`);

const describe = (value: unknown): string => {
  if (typeof value === 'string') return 'a text';
  if (typeof value !== 'object' || value === null) return String(value);
  return `an object with the keys ${Object.keys(value).slice(0, 5).join(', ') || '(none)'}`;
};
