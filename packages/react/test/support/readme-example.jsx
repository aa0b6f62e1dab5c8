import { createChatClient } from '@chatkit/client';
import { ChatProvider, useChat } from '@chatkit/react';
import { memo } from 'react';
import { createRoot } from 'react-dom/client';

const client = createChatClient({ url: '/chatkit' });

const Message = memo(({ item }) => <li>{item.content?.map((part) => part.text).join('') ?? item.type}</li>);

function Chat() {
  const { items, progress, canStop, error, client } = useChat();
  const send = (event) => {
    event.preventDefault();
    client.send(new FormData(event.currentTarget).get('text'));
    event.currentTarget.reset();
  };
  return (
    <main>
      <ul>
        {items.map((item) => (
          <Message key={item.id} item={item} />
        ))}
      </ul>
      <p role="status">{error?.message ?? progress?.text}</p>
      <form onSubmit={send}>
        <input name="text" required />
        {canStop && (
          <button type="button" onClick={() => client.stop()}>
            Stop
          </button>
        )}
      </form>
    </main>
  );
}

createRoot(document.getElementById('root')).render(
  <ChatProvider client={client}>
    <Chat />
  </ChatProvider>,
);
