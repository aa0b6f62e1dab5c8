import { createChatClient, followTabs, shareTabs } from '@chatkit/client';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { runClientTool } from './client-tools.ts';
import { createWire } from './wire/wire.ts';
import './styles/index.css';

// Around the sharing, so that each tab shows what it gets itself, and can lose it by itself.
const wire = createWire(shareTabs());
const client = createChatClient({
  url: '/chatkit',
  extensions: true,
  // However many tabs show one answer, one of them reads it from the server.
  fetch: wire.fetch,
  onClientTool: runClientTool,
  // Somebody who has just started the server again looks at the page and waits.
  connection: { capMs: 5_000 },
});
followTabs(client);

createRoot(document.getElementById('root') as HTMLElement).render(
  <StrictMode>
    <App client={client} wire={wire} />
  </StrictMode>,
);
