/**
 * SHA-256 (FIPS 180-4) of a text, at once. The web's own answers later, and what is waited for before a run has its place may be
 * overtaken; a hash of a few dozen bytes takes a few microseconds here.
 */

/** The first `count` primes. */
const primes = (count: number): number[] => {
  const found: number[] = [];
  for (let n = 2; found.length < count; n += 1) if (found.every((prime) => n % prime !== 0)) found.push(n);
  return found;
};

/** The first 32 bits behind the point. */
const fraction = (value: number): number => ((value % 1) * 2 ** 32) | 0;

/** §4.2.2 and §5.3.3: from the roots of the first primes. */
const roundConstants = /* @__PURE__ */ primes(64).map((prime) => fraction(Math.cbrt(prime)));
const initialHash = /* @__PURE__ */ primes(8).map((prime) => fraction(Math.sqrt(prime)));

const rotate = (word: number, by: number): number => (word >>> by) | (word << (32 - by));

/** §5.1.1: the bytes, a one, noughts to the end of a block, and in its last 64 bits how many bits there were. */
const padded = (bytes: Uint8Array): DataView => {
  const view = new DataView(new ArrayBuffer((((bytes.length + 8) >> 6) + 1) * 64));
  new Uint8Array(view.buffer).set(bytes);
  view.setUint8(bytes.length, 0x80);
  view.setBigUint64(view.byteLength - 8, BigInt(bytes.length) * 8n);
  return view;
};

type Hash = readonly [number, number, number, number, number, number, number, number];

/** §6.2.2: the hash after one more block. */
const afterBlock = (hash: Hash, block: DataView, at: number): Hash => {
  const w = new Int32Array(64);
  for (let t = 0; t < 16; t += 1) w[t] = block.getInt32(at + t * 4);
  for (let t = 16; t < 64; t += 1) {
    const x = w[t - 2] as number;
    const y = w[t - 15] as number;
    const ofX = rotate(x, 17) ^ rotate(x, 19) ^ (x >>> 10);
    const ofY = rotate(y, 7) ^ rotate(y, 18) ^ (y >>> 3);
    w[t] = ofX + (w[t - 7] as number) + ofY + (w[t - 16] as number);
  }
  let [a, b, c, d, e, f, g, h] = hash;
  for (let t = 0; t < 64; t += 1) {
    const ofE = (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g));
    const ofA = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    const next = h + ofE + (roundConstants[t] as number) + (w[t] as number);
    h = g;
    g = f;
    f = e;
    e = (d + next) | 0;
    d = c;
    c = b;
    b = a;
    a = (next + ofA) | 0;
  }
  const sum = (i: number, word: number): number => ((hash[i] as number) + word) | 0;
  return [sum(0, a), sum(1, b), sum(2, c), sum(3, d), sum(4, e), sum(5, f), sum(6, g), sum(7, h)];
};

/** The hash of a text's UTF-8 as 64 hex digits. */
export const sha256 = (text: string): string => {
  const block = padded(new TextEncoder().encode(text));
  let hash = initialHash as unknown as Hash;
  for (let at = 0; at < block.byteLength; at += 64) hash = afterBlock(hash, block, at);
  return hash.map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
};
