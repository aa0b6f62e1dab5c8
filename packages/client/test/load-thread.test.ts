import { assistantMessage, type Page, type ThreadItem } from '@chatkit/core';
import { expect, it } from 'vitest';
import type { Endpoint } from '../src/endpoint.ts';
import { loadOlder } from '../src/load-thread.ts';

const created_at = '2026-01-01T00:00:00Z';
const message = (id: string) => assistantMessage({ id, thread_id: 'thr_1', created_at, text: id });
const hidden = { id: 'h', type: 'hidden_context_item', thread_id: 'thr_1', created_at, content: '' } as ThreadItem;

const cases: [string, Page<ThreadItem>[], readonly string[], string | undefined][] = [
  ['has its items oldest first', [{ data: [message('2'), message('1')], has_more: true, after: '1' }], ['1', '2'], '1'],
  [
    'of which nothing is to be seen is passed over',
    [
      { data: [hidden], has_more: true, after: 'h' },
      { data: [message('1'), hidden], has_more: true, after: '0' },
    ],
    ['1'],
    '0',
  ],
  ['that is the last has none before it', [{ data: [message('1')], has_more: false, after: '1' }], ['1'], undefined],
  ['of which nothing is to be seen may be the last', [{ data: [hidden], has_more: false }], [], undefined],
  [
    'that is the same again and again is the last',
    [
      { data: [hidden], has_more: true, after: 'h' },
      { data: [hidden], has_more: true, after: 'h' },
    ],
    [],
    undefined,
  ],
];

it.each(cases)('a page of older items %s', async (_, pages, ids, cursor) => {
  const left = [...pages];
  const asked: unknown[] = [];
  const json = async ({ params }: { params: { after?: string } }) => {
    asked.push(params.after);
    return left.shift();
  };
  const loaded = await loadOlder({ json } as unknown as Endpoint, 'thr_1', 'start', {});
  expect(loaded.items.map(({ id }) => id)).toEqual(ids);
  expect(loaded.cursor).toBe(cursor);
  expect(asked).toEqual(['start', ...pages.slice(0, -1).map(({ after }) => after)]);
});
