/**
 * How large an item is, for the options that end in `Bytes`.
 */

const encoder = new TextEncoder();

/** The bytes of a string in UTF-8, or of a buffer. Anything else has to come with a `sizeOf` of its own. */
export function byteSize(item: unknown): number {
  if (typeof item === 'string') return encoder.encode(item).length;
  if (ArrayBuffer.isView(item) || item instanceof ArrayBuffer) return item.byteLength;
  throw new TypeError('A limit in bytes needs `sizeOf` for these items');
}
