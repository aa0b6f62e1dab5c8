import fc from 'fast-check';

const encoder = new TextEncoder();

export const bytesOf = (text: string): Uint8Array => encoder.encode(text);

/** Cuts `bytes` before each of these positions. */
export const splitAt = (bytes: Uint8Array, positions: readonly number[]): Uint8Array[] => {
  const edges = [0, ...[...positions].sort((a, b) => a - b), bytes.length];
  return edges.slice(1).map((end, index) => bytes.subarray(edges[index], end));
};

/** A way to cut bytes: at any positions, empty chunks included, or byte by byte. */
export const chunked: fc.Arbitrary<(bytes: Uint8Array) => Uint8Array[]> = fc.oneof(
  fc.constant((bytes: Uint8Array) => [...bytes].map((byte) => Uint8Array.of(byte))),
  fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 20 }).map(
    (places) => (bytes: Uint8Array) =>
      splitAt(
        bytes,
        places.map((place) => Math.floor(place * bytes.length)),
      ),
  ),
);

export const stream = (chunks: readonly Uint8Array[]): ReadableStream<Uint8Array> => {
  const rest = chunks.values();
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      const { value, done } = rest.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
  });
};

export const collect = async <T>(source: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = [];
  for await (const value of source) all.push(value);
  return all;
};
