/** A conversation that is deleted takes nobody away from another one that is shown by then. */
import { createChatClient } from '@chatkit/client';
import { createRoot } from 'react-dom/client';
import { expect, test, vi } from 'vitest';
import { App } from '../web/app.tsx';
import { createWire } from '../web/wire/wire.ts';

const thread = (id: string) => ({
  id,
  title: id,
  created_at: '2026-01-01T00:00:00Z',
  status: { type: 'active' },
  metadata: {},
  items: { data: [], has_more: false },
});

test.each([
  ['stays where the reader is by then', 'thr_b', '/t/thr_b'],
  ['shows a new conversation to a reader who waits', undefined, '/'],
] as const)('%s', async (_, next, path) => {
  let deleted!: () => void;
  const deletion = new Promise<void>((resolve) => {
    deleted = resolve;
  });
  const wire = createWire(async (_input, init) => {
    const { type, params } = JSON.parse(String(init?.body));
    if (type === 'threads.delete') await deletion;
    const body = type === 'threads.list' ? { data: ['thr_a', 'thr_b'].map(thread), has_more: false } : undefined;
    return Response.json(body ?? (type === 'threads.delete' ? {} : thread(params.thread_id)));
  });
  const before = location.pathname;
  history.replaceState(null, '', '/t/thr_a');
  const box = document.body.appendChild(document.createElement('div'));
  const root = createRoot(box);
  root.render(<App client={createChatClient({ url: '/chatkit', fetch: wire.fetch })} wire={wire} />);
  const click = (selector: string) =>
    vi.waitFor(() => {
      const element = box.querySelector<HTMLElement>(selector);
      expect(element).not.toBeNull();
      element?.click();
    });
  try {
    await click('[aria-label="Delete: thr_a"]');
    await click('.confirm');
    if (next !== undefined) await click(`a[href="/t/${next}"]`);
    deleted();
    // The answer is there in a few microtasks, and what it leads to is drawn by the second picture.
    for (let picture = 0; picture < 2; picture += 1) await new Promise(requestAnimationFrame);
    await vi.waitFor(() => expect(location.pathname).toBe(path));
  } finally {
    root.unmount();
    box.remove();
    history.replaceState(null, '', before);
  }
});
