/**
 * The one thing that both sides may write differently without being different: the form of a timestamp. Python writes
 * naive ones with microseconds, we write milliseconds and `Z` (protocol §1.6, rule 4). Ids need nothing: both sides count.
 */

/** One form for every way to write an instant; microseconds stay. A naive time is taken as UTC, on both sides. */
export const canonicalTime = (text: string): string => {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)?$/.exec(text);
  if (match === null) return text;
  const [, seconds, fraction = '', zone = 'Z'] = match;
  const instant = new Date(`${seconds}${zone}`).toISOString().slice(0, 19);
  return `${instant}.${fraction.padEnd(6, '0')}Z`;
};

/** Raw text with every `created_at` in that form; nothing else is touched. */
export const canonicalText = (text: string): string =>
  text.replace(/"created_at":"([^"\\]+)"/g, (_, time: string) => `"created_at":"${canonicalTime(time)}"`);

/** The same for a value; keys that are `undefined` are gone. */
export const canonicalValue = <T>(value: T): T =>
  value === undefined ? value : (JSON.parse(canonicalText(JSON.stringify(value))) as T);
