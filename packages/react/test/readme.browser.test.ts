import { assistantMessage, itemAdded, itemDone, textDelta } from '@chatkit/core';
import { createChatKitServer } from '@chatkit/server';
import { createMemoryStore } from '@chatkit/store/memory';
import { afterEach, expect, it, vi } from 'vitest';
import readme from '../README.md?raw';
import example from './support/readme-example.tsx?raw';

afterEach(() => {
  vi.unstubAllGlobals();
  history.replaceState(null, '', location.pathname + location.search);
});

it('the example of the README runs as it stands', async () => {
  expect(/```tsx\n([\s\S]*?)```/.exec(readme)?.[1]).toBe(example);

  let goOn = () => {};
  const hold = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const server = createChatKitServer({
    store: createMemoryStore(),
    async *respond(thread) {
      const base = { thread_id: thread.id, id: 'msg_answer', created_at: '2099-01-01T00:00:00Z' };
      yield itemAdded(assistantMessage(base));
      yield textDelta(base.id, 'Hel');
      await hold;
      yield textDelta(base.id, 'lo');
      yield itemDone(assistantMessage({ ...base, text: 'Hello' }));
    },
  });
  const answer: typeof fetch = async (input, init) =>
    server.handle(new Request(new URL(String(input), 'http://chat.test'), init), { userId: 'ada' });
  vi.stubGlobal('fetch', answer);
  const root = document.body.appendChild(document.createElement('div'));
  root.id = 'root';
  await import('./support/readme-example.tsx');

  const shown = () => [...root.querySelectorAll('li')].map(({ textContent }) => textContent);
  await expect.poll(() => root.querySelector('input')).not.toBeNull();
  const field = root.querySelector('input') as HTMLInputElement;
  field.value = 'Hi';
  root.querySelector('form')?.requestSubmit();
  await expect.poll(() => shown()).toEqual(['Hi', 'Hel']);
  expect(field.value).toBe('');
  expect(root.querySelector('button')?.textContent).toBe('Stop');
  goOn();
  await expect.poll(() => shown()).toEqual(['Hi', 'Hello']);
  await expect.poll(() => root.querySelector('button')).toBeNull();
  expect(location.hash).toMatch(/^#thr_/);
  root.remove();
});
