/** A short hash, from which ids are derived that are the same on every machine and do not reveal their inputs. */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';

/**
 * 24 hex digits (96 bits, as many as an id has) of the SHA-256 of some strings. It takes a library because it must be
 * synchronous: `crypto.subtle` is not, and a request that awaits before its run has a place in line can be overtaken.
 * Costs a few microseconds.
 */
export const digestOf = (texts: readonly string[]): string =>
  bytesToHex(sha256(utf8ToBytes(JSON.stringify(texts)))).slice(0, 24);
