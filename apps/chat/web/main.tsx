import { createChatClient } from '@chatkit/client';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { runClientTool } from './client-tools.ts';
import './styles/index.css';

const client = createChatClient({ url: '/chatkit', extensions: true, onClientTool: runClientTool });

createRoot(document.getElementById('root') as HTMLElement).render(
  <StrictMode>
    <App client={client} />
  </StrictMode>,
);
