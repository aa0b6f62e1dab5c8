/** The requests about threads that are answered with JSON: get, list, rename, delete. */
import { type ChatKitRequestOf, type Page, type Thread, toWireThread } from '@chatkit/core';
import type { ServerParts } from '../server-parts.ts';
import { updateThread } from '../thread-changes.ts';
import { pageLimit, visibleItems } from './paging.ts';

type Params<T extends 'threads.get_by_id' | 'threads.list' | 'threads.update' | 'threads.delete'> =
  ChatKitRequestOf<T>['params'];

/** `threads.get_by_id`: the thread with its first 20 items, oldest first. */
export const getThread = async <Context>(
  parts: ServerParts<Context>,
  { thread_id }: Params<'threads.get_by_id'>,
  context: Context,
): Promise<Thread> => {
  const { thread } = await parts.store.loadThread(thread_id, context);
  const items = await visibleItems(parts.store, thread_id, { limit: pageLimit(undefined), order: 'asc' }, context);
  return toWireThread({ ...thread, items });
};

/** `threads.list`: a page of threads, each without its items. */
export const listThreads = async <Context>(
  parts: ServerParts<Context>,
  { limit, order, after }: Params<'threads.list'>,
  context: Context,
): Promise<Page<Thread>> => {
  const page = await parts.store.listThreads({ limit: pageLimit(limit), order, after }, context);
  const data = page.data.map((thread) => toWireThread(thread));
  return page.after === undefined
    ? { data, has_more: page.has_more }
    : { data, has_more: page.has_more, after: page.after };
};

/** `threads.update`: sets the title; the answer has no items. Concurrent changes to other fields are kept. */
export const renameThread = async <Context>(
  parts: ServerParts<Context>,
  { thread_id, title }: Params<'threads.update'>,
  context: Context,
): Promise<Thread> => {
  const thread = await updateThread(parts.store, thread_id, context, (current) => {
    current.title = title;
  });
  return toWireThread(thread);
};

/** `threads.delete`: deletes the thread with all its items. Deleting a thread that does not exist is not an error. */
export const deleteThread = async <Context>(
  parts: ServerParts<Context>,
  { thread_id }: Params<'threads.delete'>,
  context: Context,
): Promise<Record<string, never>> => {
  await parts.store.deleteThread(thread_id, context);
  return {};
};
