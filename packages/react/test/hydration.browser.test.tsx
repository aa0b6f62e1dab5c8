// A page that was rendered on a server is hydrated in parts, and some of them only when the chat has already been used.
import { type ChatClient, createChatClient, messageText } from '@chatkit/client';
import { StrictMode, Suspense } from 'react';
import { hydrateRoot } from 'react-dom/client';
import { renderToString } from 'react-dom/server';
import { expect, it } from 'vitest';
import { ChatProvider, useChat, useChatSelector } from '../src/index.ts';

const Items = () => useChat().items.map((item) => <p key={item.id}>{messageText(item)}</p>);
const Count = () => <b>{useChatSelector(({ items }) => [items.length], same)}</b>;
const same = ([a]: number[], [b]: number[]) => a === b;
const Page = ({ client }: { client: ChatClient }) => (
  <StrictMode>
    <ChatProvider client={client}>
      <Suspense>
        <Items />
        <Count />
      </Suspense>
    </ChatProvider>
  </StrictMode>
);

it('a part that is hydrated late begins with what the server sent, and shows the chat at once', async () => {
  const url = 'http://chat.test/chatkit';
  const html = renderToString(<Page client={createChatClient({ url })} />);
  const client = createChatClient({ url, fetch: () => new Promise(() => {}) });
  client.send('Hi');
  const host = document.createElement('div');
  document.body.append(host);
  host.innerHTML = html;
  const sent = host.querySelector('b');
  const errors: unknown[] = [];
  const root = hydrateRoot(host, <Page client={client} />, { onRecoverableError: (error) => errors.push(error) });
  await expect.poll(() => host.textContent).toBe('Hi1');
  expect(errors).toEqual([]);
  // The server's own element, and not one that was made anew.
  expect(host.querySelector('b')).toBe(sent);
  root.unmount();
  host.remove();
});
