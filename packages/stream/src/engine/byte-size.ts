/**
 * The default size of an item, for the options that end in `Bytes`.
 */

const encoder = /* @__PURE__ */ new TextEncoder();

/** The bytes of a buffer, or of a string in UTF-8. For anything else the caller must pass `sizeOf`. */
export function byteSize(item: unknown): number {
  const bytes = typeof item === 'string' ? encoder.encode(item) : (item as Partial<Uint8Array> | undefined);
  if (bytes?.byteLength !== undefined) return bytes.byteLength;
  throw new TypeError('maxBytes needs a sizeOf');
}
