/**
 * An immutable, ordered collection of items in which appending, prepending, replacing and removing one of them copies
 * a fixed number of short arrays, however long the thread is. Two tries of 32-way nodes hold the items by position (one
 * grows to the right, one to the left), and a third of fixed depth finds the position of an id. A removed item leaves an
 * empty position behind. `docs/decisions/core-reducer.md` has the alternatives.
 */
import type { ThreadItem } from './item.ts';

type Node = readonly unknown[];

interface Trie {
  readonly size: number;
  /** Bits to the right of the root's five. */
  readonly shift: number;
  readonly root: Node;
}

interface Entry {
  readonly id: string;
  /** From 0 to the right, from -1 to the left. */
  readonly position: number;
}

/** The items of a thread. Read it through the functions of this file. */
export interface ItemList {
  readonly right: Trie;
  readonly left: Trie;
  /** Buckets of `Entry` under the hash of their id. */
  readonly ids: Node;
}

const bits = 5;
const mask = 31;
const idShift = 2 * bits;
const noNode: Node = [];
const noTrie: Trie = { size: 0, shift: 0, root: noNode };

export const emptyItemList: ItemList = { right: noTrie, left: noTrie, ids: noNode };

/** The position of an id, `undefined` when it is not in the list (or is no id: events reach a browser unparsed). */
export const positionOf = (list: ItemList, id: string): number | undefined =>
  typeof id === 'string' ? bucketOf(list, id)?.find((entry) => entry.id === id)?.position : undefined;

/** The item at a position. */
export const itemAt = (list: ItemList, position: number): ThreadItem | undefined =>
  position < 0 ? read(list.left, ~position) : read(list.right, position);

/** Where `append` puts its item. */
export const endOf = (list: ItemList): number => list.right.size;

/** Puts an item at a position that is taken already. */
export const replaceAt = (list: ItemList, position: number, item: ThreadItem | undefined): ItemList =>
  position < 0
    ? { ...list, left: write(list.left, ~position, item) }
    : { ...list, right: write(list.right, position, item) };

/** Adds an item after the last. Its id MUST NOT be in the list. */
export const append = (list: ItemList, item: ThreadItem): ItemList => ({
  left: list.left,
  right: write(list.right, list.right.size, item),
  ids: index(list, { id: item.id, position: list.right.size }),
});

/** Adds an item before the first. Its id MUST NOT be in the list. */
export const prepend = (list: ItemList, item: ThreadItem): ItemList => ({
  left: write(list.left, list.left.size, item),
  right: list.right,
  ids: index(list, { id: item.id, position: ~list.left.size }),
});

/** Takes an item out; the others keep their positions. */
export const removeAt = (list: ItemList, position: number, id: string): ItemList => {
  const remaining = bucketOf(list, id)?.filter((entry) => entry.id !== id);
  return { ...replaceAt(list, position, undefined), ids: writeNode(list.ids, idShift, hash(id), remaining) };
};

const flattened = new WeakMap<ItemList, readonly ThreadItem[]>();

/** All items in order. Costs one walk per list; the same list gives the same array. */
export const toArray = (list: ItemList): readonly ThreadItem[] => {
  const known = flattened.get(list);
  if (known !== undefined) return known;
  const items: ThreadItem[] = [];
  const collect = (node: Node, shift: number): void => {
    for (const child of node) {
      if (child === undefined) continue;
      if (shift > 0) collect(child as Node, shift - bits);
      else items.push(child as ThreadItem);
    }
  };
  collect(list.left.root, list.left.shift);
  items.reverse();
  collect(list.right.root, list.right.shift);
  flattened.set(list, items);
  return items;
};

const read = ({ root, shift, size }: Trie, at: number): ThreadItem | undefined =>
  at < size ? (readNode(root, shift, at) as ThreadItem | undefined) : undefined;

/** Writes at `at`, at most one beyond the end. A full root becomes the first child of a new one. */
const write = ({ size, shift, root }: Trie, at: number, item: ThreadItem | undefined): Trie =>
  at >>> shift > mask
    ? { size: at + 1, shift: shift + bits, root: writeNode([root], shift + bits, at, item) }
    : { size: Math.max(size, at + 1), shift, root: writeNode(root, shift, at, item) };

const readNode = (root: Node | undefined, shift: number, at: number): unknown => {
  let node = root;
  for (let level = shift; level > 0; level -= bits) node = node?.[(at >>> level) & mask] as Node | undefined;
  return node?.[at & mask];
};

const writeNode = (node: Node | undefined, shift: number, at: number, value: unknown): Node => {
  const copy = node === undefined ? [] : node.slice();
  const slot = (at >>> shift) & mask;
  copy[slot] = shift === 0 ? value : writeNode(copy[slot] as Node | undefined, shift - bits, at, value);
  return copy;
};

const bucketOf = (list: ItemList, id: string): readonly Entry[] | undefined =>
  readNode(list.ids, idShift, hash(id)) as readonly Entry[] | undefined;

const index = (list: ItemList, entry: Entry): Node =>
  writeNode(list.ids, idShift, hash(entry.id), [...(bucketOf(list, entry.id) ?? []), entry]);

/** FNV-1a over UTF-16 units, cut to the 15 bits that three levels address. */
const hash = (id: string): number => {
  let sum = 0x811c9dc5;
  for (let i = 0; i < id.length; i++) sum = Math.imul(sum ^ id.charCodeAt(i), 0x01000193);
  return (sum ^ (sum >>> 15)) & 0x7fff;
};
