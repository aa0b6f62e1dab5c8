/**
 * A persistent (immutable) list of items. Appending, prepending, replacing or removing an item copies a fixed number of
 * short arrays, however long the thread is. One trie with 32-way nodes holds the items by position; another maps ids to
 * positions. Positions grow from 0 in both directions, and a removed item leaves its position empty.
 * `docs/decisions/core-reducer.md` has the alternatives.
 */
import type { ThreadItem } from './item.ts';

type Node<T = unknown> = readonly (T | Node<T> | undefined)[];

/** What a list can hold. */
interface Identified {
  readonly id: string;
}

interface Entry {
  readonly id: string;
  readonly position: number;
}

/** The items of a thread. Read it through the functions of this file. */
export interface ItemList<T extends Identified = ThreadItem> {
  /** The position of the first item, or an earlier, empty one. */
  readonly first: number;
  /** The position after the last item. */
  readonly end: number;
  readonly items: Node<T>;
  /** Buckets of `Entry` under the hash of their id. */
  readonly ids: Node<readonly Entry[]>;
}

const bits = 5;
const mask = 31;
/** Five levels: 33 million positions. */
const itemShift = 4 * bits;
/** Three levels: 32,768 buckets. */
const idShift = 2 * bits;

export const createItemList = <T extends Identified = ThreadItem>(): ItemList<T> => ({
  first: 0,
  end: 0,
  items: [],
  ids: [],
});

/**
 * The position of an id; `undefined` if it is not in the list (or not a string: events reach a browser unvalidated).
 */
export const positionOf = <T extends Identified>(list: ItemList<T>, id: string): number | undefined =>
  typeof id === 'string' ? bucketOf(list, id).find((entry) => entry.id === id)?.position : undefined;

/** The item at a position. */
export const itemAt = <T extends Identified>(list: ItemList<T>, position: number): T | undefined =>
  read(list.items, itemShift, slotOf(position)) as T | undefined;

/** Replaces the item at an occupied position. */
export const replaceAt = <T extends Identified>(
  list: ItemList<T>,
  position: number,
  item: T | undefined,
  inPlace?: boolean,
): ItemList<T> => ({
  ...list,
  items: write(list.items, itemShift, slotOf(position), item, inPlace) as Node<T>,
});

/**
 * Adds an item before the first (`position` is `first - 1`) or after the last (`end`). Its id MUST NOT be in the list
 * yet.
 */
export const insertAt = <T extends Identified>(
  list: ItemList<T>,
  position: number,
  item: T,
  inPlace?: boolean,
): ItemList<T> => ({
  ...replaceAt(list, position, item, inPlace),
  first: Math.min(list.first, position),
  end: Math.max(list.end, position + 1),
  ids: write(
    list.ids,
    idShift,
    hash(item.id),
    bucketOf(list, item.id).concat({ id: item.id, position }),
    inPlace,
  ) as ItemList['ids'],
});

/**
 * Replaces the item with the same id, or appends. `inPlace` mutates; only for a list not shared yet, to load long
 * threads faster.
 */
export const put = <T extends Identified>(list: ItemList<T>, item: T, inPlace?: boolean): ItemList<T> => {
  const position = positionOf(list, item.id);
  return position === undefined ? insertAt(list, list.end, item, inPlace) : replaceAt(list, position, item, inPlace);
};

/** Removes an item; the others keep their positions. */
export const removeAt = <T extends Identified>(list: ItemList<T>, position: number, id: string): ItemList<T> => ({
  ...replaceAt(list, position, undefined),
  ids: write(
    list.ids,
    idShift,
    hash(id),
    bucketOf(list, id).filter((entry) => entry.id !== id),
  ) as ItemList['ids'],
});

/** All items in order. Costs one walk of the list. */
export const toArray = <T extends Identified>(list: ItemList<T>): readonly T[] => {
  const items: T[] = [];
  for (let position = list.first; position < list.end; position++) {
    const item = itemAt(list, position);
    if (item !== undefined) items.push(item);
  }
  return items;
};

/** Maps positions 0, -1, 1, -2… to neighbouring slots, so that the trie stays dense in both directions. */
const slotOf = (position: number): number => (position < 0 ? ~position * 2 + 1 : position * 2);

const read = (root: Node, shift: number, at: number): unknown => {
  let node: Node | undefined = root;
  for (let level = shift; level >= 0; level -= bits) node = node?.[(at >>> level) & mask] as Node | undefined;
  return node;
};

const write = (node: Node = [], shift: number, at: number, value: unknown, inPlace?: boolean): Node => {
  const slot = (at >>> shift) & mask;
  // As long as it has to be: an array that grows by a write takes room for sixteen more, on each level.
  const more = Math.max(0, slot + 1 - node.length);
  const copy = inPlace && more === 0 ? (node as unknown[]) : node.concat(Array(more));
  copy[slot] = shift > 0 ? write(copy[slot] as Node | undefined, shift - bits, at, value, inPlace) : value;
  return copy;
};

const bucketOf = <T extends Identified>(list: ItemList<T>, id: string): readonly Entry[] =>
  (read(list.ids, idShift, hash(id)) as readonly Entry[] | undefined) ?? [];

/** The usual polynomial hash over UTF-16 code units, cut to the 15 bits that three levels address. */
const hash = (id: string): number => {
  let sum = 0;
  for (let i = 0; i < id.length; i++) sum = (Math.imul(sum, 31) + id.charCodeAt(i)) | 0;
  return (sum ^ (sum >>> 15)) & 0x7fff;
};
