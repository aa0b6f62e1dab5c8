/** Checks for callers without types, who would otherwise be told by the server, by a later error, or not at all. */

/** Throws a `TypeError` that says what is expected. */
export const must = (isSo: unknown, rule: string): void => {
  if (!isSo) throw new TypeError(`${rule}.`);
};

/** `kind`: `a string` and the like, or methods: `{ now, setTimeout }`. `NaN` is no number of anything. */
export const mustBe = (kind: string, name: string, value: unknown): void =>
  must(
    !Number.isNaN(value) &&
      kind
        .match(/\w{3,}/g)
        ?.every((word) => typeof value === word || typeof (value as Record<string, unknown>)?.[word] === 'function'),
    `${name} must be ${kind}`,
  );
