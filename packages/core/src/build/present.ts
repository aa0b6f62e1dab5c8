/** Drops fields that are `undefined`, so that an absent field is absent in memory as on the wire. */
export const present = <T extends object>(fields: T): T => {
  const kept: Partial<T> = {};
  for (const key of Object.keys(fields) as (keyof T)[]) if (fields[key] !== undefined) kept[key] = fields[key];
  return kept as T;
};
