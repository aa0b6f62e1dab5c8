/**
 * The tables of the memory store: rows in scopes (a user, or a user's thread), each scope ordered by creation time and
 * then by first insertion. A table is either a base or a layer over another table. A transaction writes to a layer, and
 * commit applies the layer to the table under it; dropping the layer is the rollback. Readers of the base see nothing
 * of a layer before its commit.
 */

/** One stored value. Rows are never changed, only replaced. */
export interface Row {
  readonly id: string;
  /** Microseconds since 1970. With `seq` it is the row's position, which is fixed at the first write. */
  readonly at: number;
  readonly seq: number;
  readonly json: string;
  /** Grows by one at every write. */
  readonly version: number;
}

export interface OrderedTable {
  get(scope: string, id: string): Row | undefined;
  put(scope: string, row: Row): void;
  remove(scope: string, id: string): void;
  /** Removes every row of the scope. */
  clear(scope: string): void;
  /** At most `limit` rows that follow `after` in the given order. */
  page(scope: string, after: Row | undefined, order: 'asc' | 'desc', limit: number): Row[];
}

export interface TableLayer extends OrderedTable {
  /** Writes the layer into the table under it. */
  commit(): void;
}

const compareRows = (a: Row, b: Row): number => a.at - b.at || a.seq - b.seq;

/** The first index whose row does not come before `row`. */
const lowerBound = (rows: readonly Row[], row: Row): number => {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareRows(rows[middle] as Row, row) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
};

interface BaseScope {
  readonly byId: Map<string, Row>;
  readonly ordered: Row[];
}

/** An empty table that holds its rows itself. Get is O(1), a page O(log n + limit), appending in order O(1). */
export const createBaseTable = (): OrderedTable => new BaseTable();

class BaseTable implements OrderedTable {
  private readonly scopes = new Map<string, BaseScope>();

  get(scope: string, id: string): Row | undefined {
    return this.scopes.get(scope)?.byId.get(id);
  }

  put(scope: string, row: Row): void {
    const before = this.get(scope, row.id);
    // A transaction that deletes a row and writes it again gives it another position.
    if (before !== undefined && compareRows(before, row) !== 0) this.remove(scope, row.id);
    let held = this.scopes.get(scope);
    if (held === undefined) {
      held = { byId: new Map(), ordered: [] };
      this.scopes.set(scope, held);
    }
    const last = held.ordered.at(-1);
    if (last === undefined || compareRows(last, row) < 0) held.ordered.push(row);
    else held.ordered.splice(lowerBound(held.ordered, row), held.byId.has(row.id) ? 1 : 0, row);
    held.byId.set(row.id, row);
  }

  remove(scope: string, id: string): void {
    const held = this.scopes.get(scope);
    const row = held?.byId.get(id);
    if (held === undefined || row === undefined) return;
    held.byId.delete(id);
    held.ordered.splice(lowerBound(held.ordered, row), 1);
    if (held.byId.size === 0) this.scopes.delete(scope);
  }

  clear(scope: string): void {
    this.scopes.delete(scope);
  }

  page(scope: string, after: Row | undefined, order: 'asc' | 'desc', limit: number): Row[] {
    const rows = this.scopes.get(scope)?.ordered ?? [];
    if (order === 'asc') {
      let start = 0;
      if (after !== undefined) {
        start = lowerBound(rows, after);
        if (rows[start]?.id === after.id) start += 1;
      }
      return rows.slice(start, start + limit);
    }
    const end = after === undefined ? rows.length : lowerBound(rows, after);
    return rows.slice(Math.max(0, end - limit), end).reverse();
  }
}

interface LayerScope {
  readonly cleared: boolean;
  readonly changed: Map<string, Row | undefined>;
}

/** A layer over `under`: reads see both, writes stay here until `commit()`. */
export const createTableLayer = (under: OrderedTable): TableLayer => new Layer(under);

/**
 * Allocates nothing before the first write: each transaction makes a layer for every table, and writes to one or two.
 */
class Layer implements TableLayer {
  private readonly under: OrderedTable;
  private scopes: Map<string, LayerScope> | undefined;

  constructor(under: OrderedTable) {
    this.under = under;
  }

  get(scope: string, id: string): Row | undefined {
    const change = this.scopes?.get(scope);
    if (change?.changed.has(id)) return change.changed.get(id);
    return change?.cleared ? undefined : this.under.get(scope, id);
  }

  put(scope: string, row: Row): void {
    this.touch(scope).changed.set(row.id, row);
  }

  remove(scope: string, id: string): void {
    this.touch(scope).changed.set(id, undefined);
  }

  clear(scope: string): void {
    this.changes().set(scope, { cleared: true, changed: new Map() });
  }

  page(scope: string, after: Row | undefined, order: 'asc' | 'desc', limit: number): Row[] {
    const { under } = this;
    const change = this.scopes?.get(scope);
    if (change === undefined) return under.page(scope, after, order, limit);
    const sign = order === 'asc' ? 1 : -1;
    // Each changed row may replace one from below, so that many more rows are requested.
    const below = change.cleared ? [] : under.page(scope, after, order, limit + change.changed.size);
    const rows = below.filter((row) => !change.changed.has(row.id));
    for (const row of change.changed.values())
      if (row !== undefined && (after === undefined || sign * compareRows(row, after) > 0)) rows.push(row);
    return rows.sort((a, b) => sign * compareRows(a, b)).slice(0, limit);
  }

  commit(): void {
    const { under, scopes } = this;
    if (scopes === undefined) return;
    for (const [scope, { cleared, changed }] of scopes) {
      if (cleared) under.clear(scope);
      for (const [id, row] of changed) {
        if (row === undefined) under.remove(scope, id);
        else under.put(scope, row);
      }
    }
  }

  private changes(): Map<string, LayerScope> {
    this.scopes ??= new Map();
    return this.scopes;
  }

  private touch(scope: string): LayerScope {
    const changes = this.changes();
    let change = changes.get(scope);
    if (change === undefined) {
      change = { cleared: false, changed: new Map() };
      changes.set(scope, change);
    }
    return change;
  }
}
