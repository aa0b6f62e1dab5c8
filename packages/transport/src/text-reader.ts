/** Incremental UTF-8 decoding: rejoins characters that chunks cut in two, and removes one BOM at the start. */

const streaming = { stream: true } as const;

/** Makes a decoder for one body. Invalid UTF-8 becomes U+FFFD. */
export function createTextReader(): (chunk: Uint8Array) => string {
  // The BOM is removed here, not by TextDecoder: fed byte by byte, Node's removes a second one as well.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let isAtStart = true;
  return (chunk) => {
    const text = decoder.decode(chunk, streaming);
    if (!isAtStart || text === '') return text;
    isAtStart = false;
    return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  };
}
