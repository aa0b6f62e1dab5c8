/**
 * The building blocks that all schemas share: optional fields that read `null` as absent (the Python SDK never sends
 * null, but stored rows and other peers may), timestamps in any form that Python prints, and free-form JSON.
 */
import * as z from 'zod';

/**
 * An optional field. `null` is read as absent, so in memory there is one way to say "nothing". The input type is
 * spelled out, because `preprocess` accepts `unknown`, which would give a client no type checking.
 */
export const optional = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === null ? undefined : value), schema.optional()) as unknown as z.ZodPipe<
    z.ZodOptional<z.ZodNullable<T>>,
    z.ZodOptional<T>
  >;

/**
 * A field with a default for both absent and `null`, for lenient reading. Each parsed value gets its own copy of the
 * default, so that it may be changed.
 */
export const withDefault = <T extends z.ZodType>(schema: T, value: z.output<T> & {}) =>
  z.preprocess((given) => given ?? fresh(value), schema) as unknown as z.ZodPipe<z.ZodOptional<z.ZodNullable<T>>, T>;

/**
 * A shallow copy, because every default is flat and most are empty; a structured clone would cost more than parsing the
 * field.
 */
const fresh = (value: unknown): unknown =>
  typeof value !== 'object' ? value : Array.isArray(value) ? [...value] : { ...value };

/**
 * ISO 8601. Python writes naive local times with microseconds (`2026-11-22T10:06:28.710334`), times with an offset and
 * times with `Z`; all are accepted, but we write only `Z`. The string is kept unchanged.
 */
export const timestampSchema = z.iso.datetime({ offset: true, local: true });

/** JSON that the protocol does not interpret. Nulls inside it are data and are kept. */
export const jsonSchema: z.ZodType<unknown> = z.unknown();

/** A free-form JSON object, for example the arguments of a tool call. */
export const jsonObjectSchema = z.record(z.string(), z.unknown());
