/** Names that are made of others, the same on every machine, and from which nobody reads what they were made of. */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';

/**
 * 24 hex digits (96 bits, as many as an id has) of the SHA-256 of some texts. At once, for which it takes a library:
 * the web's hash answers later, and what is waited for before a run has its place may be overtaken. Some microseconds
 * each.
 */
export const digestOf = (texts: readonly string[]): string =>
  bytesToHex(sha256(utf8ToBytes(JSON.stringify(texts)))).slice(0, 24);
