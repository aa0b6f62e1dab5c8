/** Drops fields without a value: in memory as on the wire, an absent field is not there. */
export const present = <T extends object>(fields: T): T =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
