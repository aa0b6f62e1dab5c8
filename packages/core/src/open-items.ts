/**
 * The items of a thread that have been added and are not finished: a persistent set, in the order in which they were
 * added. Usually there is one, and every token changes it, so the item that changed last stands beside the others and a
 * token writes nothing else. The others are in a trie, so an application may leave thousands of items open.
 */
import type { ThreadItem } from './item.ts';
import { createItemList, type ItemList, itemAt, positionOf, put, removeAt, toArray } from './item-list.ts';

/** An item that has been added and may still change. */
export interface OpenItem {
  readonly id: string;
  /** The item as of the last update other than a text delta, without `tail`. */
  readonly item: ThreadItem;
  /** Text to be appended to one part of an assistant message, not in `item` yet. */
  readonly tail: { readonly part: number; readonly text: string } | undefined;
}

/** The open items. Read them through the functions of this file. */
export interface OpenItems {
  readonly size: number;
  /** The item that changed last. */
  readonly latest: OpenItem | undefined;
  /** All of them, if there have been several; `latest` may be out of date here. */
  readonly all: ItemList<OpenItem> | undefined;
}

export const noOpenItems: OpenItems = { size: 0, latest: undefined, all: undefined };

/** The open item with this id. */
export const openItem = ({ latest, all }: OpenItems, id: string): OpenItem | undefined => {
  if (latest?.id === id) return latest;
  if (all === undefined) return undefined;
  const position = positionOf(all, id);
  return position === undefined ? undefined : itemAt(all, position);
};

/** Replaces an open item. */
export const changeOpen = (open: OpenItems, entry: OpenItem): OpenItems => ({
  size: open.size,
  latest: entry,
  all: open.latest?.id === entry.id ? open.all : written(open),
});

/** Adds an item, which MUST NOT be open, behind the others. */
export const addOpen = (open: OpenItems, entry: OpenItem): OpenItems => ({
  size: open.size + 1,
  latest: entry,
  all: open.size === 0 ? undefined : put(written(open) ?? createItemList(), entry),
});

export const removeOpen = (open: OpenItems, id: string): OpenItems => {
  if (openItem(open, id) === undefined) return open;
  const { size, latest, all } = open;
  if (size === 1) return noOpenItems;
  const rest = all && removeAt(all, positionOf(all, id) as number, id);
  return { size: size - 1, latest: latest?.id === id ? undefined : latest, all: rest && dense(rest, size - 1) };
};

/** All of them, in the order in which they were added. */
export const openItems = ({ latest, all }: OpenItems): readonly OpenItem[] => {
  if (all === undefined) return latest === undefined ? [] : [latest];
  return toArray(all).map((entry) => (latest?.id === entry.id ? latest : entry));
};

/** The trie with the current form of the item that changed last. */
const written = ({ latest, all }: OpenItems): ItemList<OpenItem> | undefined =>
  latest === undefined ? all : put(all ?? createItemList(), latest);

/** The list without the positions that removed items have left empty, once they are most of it. */
const dense = (list: ItemList<OpenItem>, size: number): ItemList<OpenItem> =>
  list.end - list.first <= 2 * size + 32
    ? list
    : toArray(list).reduce((next, entry) => put(next, entry, true), createItemList<OpenItem>());
