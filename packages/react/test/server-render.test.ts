import { createChatClient } from '@chatkit/client';
import { createElement } from 'react';
import { renderToString } from 'react-dom/server';
import { expect, it } from 'vitest';
import { ChatProvider, useChat, useChatSelector, useThreads } from '../src/index.ts';

const Chat = () => {
  const { items, status } = useChat();
  const canStop = useChatSelector((chat) => chat.canStop);
  const { threads } = useThreads();
  return createElement('p', null, `${status} ${items.length} ${canStop} ${threads.length}`);
};

it('renders on a server, without asking for anything', () => {
  const fetch = () => Promise.reject(new Error('not on a server'));
  const client = createChatClient({ url: '/chatkit', fetch });
  const html = renderToString(createElement(ChatProvider, { client }, createElement(Chat)));
  expect(html).toBe('<p>idle 0 false 0</p>');
});

it.each([
  ['nothing', undefined],
  ['options', { url: '/chatkit' }],
  ['an address', '/chatkit'],
])('hooks say that there is no client: %s', (_, client) => {
  const provided = { client: client as never };
  const rendered = () => renderToString(createElement(ChatProvider, provided, createElement(Chat)));
  expect(rendered).toThrow('No chat client: wrap the component in a ChatProvider');
});
