/** Incremental UTF-8: chunks to text, characters that are cut in two put together, one BOM at the start taken off. */

const streaming = { stream: true } as const;

/** Makes a reader for one body. Bytes that are not UTF-8 become U+FFFD. */
export function createTextReader(): (chunk: Uint8Array) => string {
  // The BOM is taken off here and not by TextDecoder: fed byte by byte, Node's takes off a second one as well.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let isAtStart = true;
  return (chunk) => {
    const text = decoder.decode(chunk, streaming);
    if (!isAtStart || text === '') return text;
    isAtStart = false;
    return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  };
}
