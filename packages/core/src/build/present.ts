/** Drops fields without a value: in memory as on the wire, an absent field is not there. */
export const present = <T extends object>(fields: T): T => {
  const kept: Partial<T> = {};
  for (const key of Object.keys(fields) as (keyof T)[]) if (fields[key] !== undefined) kept[key] = fields[key];
  return kept as T;
};
