/** A bounded set of ids that drops the oldest. About 100 bytes per id. */
export interface RememberedIds {
  add(id: string): void;
  has(id: string): boolean;
}

export const createRememberedIds = (max: number): RememberedIds => {
  const ids = new Set<string>();
  return {
    add(id) {
      ids.add(id);
      const [oldest] = ids;
      if (ids.size > max && oldest !== undefined) ids.delete(oldest);
    },
    has: (id) => ids.has(id),
  };
};
