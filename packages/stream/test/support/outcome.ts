/** What a stream gives from here on, and the error that it ends with. */
export async function outcome(stream: AsyncIterable<unknown>): Promise<unknown[]> {
  const got: unknown[] = [];
  try {
    for await (const item of stream) got.push(item);
  } catch (error) {
    got.push(error);
  }
  return got;
}
