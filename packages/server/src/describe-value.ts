/** Describes, in a few words, a value of the wrong kind: for error messages to developers. */
export const describeValue = (value: unknown): string => {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'string')
    return `the text ${JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)}`;
  if (typeof value === 'function') return value.name === '' ? 'a function' : `the function ${value.name}`;
  if (typeof value !== 'object') return `the ${typeof value} ${String(value)}`;
  if (Array.isArray(value)) return 'an array';
  if (typeof Reflect.get(value, 'then') === 'function') return 'a promise';
  const { type } = value as { type?: unknown };
  if (typeof type === 'string') return `an object of type ${JSON.stringify(type)}`;
  const name: unknown = value.constructor?.name;
  if (typeof name === 'string' && name !== '' && name !== 'Object') return `an instance of ${name}`;
  if (Symbol.asyncIterator in value) return 'a stream';
  return `an object with the keys ${Object.keys(value).slice(0, 5).join(', ') || '(none)'}`;
};
