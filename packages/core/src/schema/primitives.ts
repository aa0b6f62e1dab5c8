/**
 * The three building bricks every schema shares: an optional field that reads `null` as absent (Python emits neither,
 * but rows and peers may hold it), a timestamp in any form that Python prints, and free-form JSON.
 */
import * as z from 'zod';

/**
 * An optional field. `null` is read as absent, so in memory there is one way to say "nothing". The type is written out
 * because `preprocess` takes `unknown`, which would leave a client that writes a request without help.
 */
export const optional = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === null ? undefined : value), schema.optional()) as unknown as z.ZodPipe<
    z.ZodOptional<z.ZodNullable<T>>,
    z.ZodOptional<T>
  >;

/**
 * A field with a default for both absent and `null`, as lenient readers of the reference need. Each value that is read gets a
 * default of its own, to do with what it likes.
 */
export const withDefault = <T extends z.ZodType>(schema: T, value: z.output<T> & {}) =>
  z.preprocess((given) => given ?? fresh(value), schema) as unknown as z.ZodPipe<z.ZodOptional<z.ZodNullable<T>>, T>;

/** By hand, because every default is flat and most are empty, and a clone costs more than to read the field it stands for. */
const fresh = (value: unknown): unknown =>
  typeof value !== 'object' ? value : Array.isArray(value) ? [...value] : { ...value };

/**
 * ISO 8601. Python writes naive local times with microseconds (`2026-11-22T10:06:28.710334`), times with an offset and
 * times with `Z`; all are read, and only `Z` is written. The string is kept as it came.
 */
export const timestampSchema = z.iso.datetime({ offset: true, local: true });

/** JSON that the protocol does not look into. Nulls inside it are data and survive. */
export const jsonSchema: z.ZodType<unknown> = z.unknown();

/** A free-form JSON object, for example the arguments of a tool call. */
export const jsonObjectSchema = z.record(z.string(), z.unknown());
