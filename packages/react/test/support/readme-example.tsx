import { createChatClient, messageText, type ThreadItem } from '@chatkit/client';
import { ChatProvider, useChat } from '@chatkit/react';
import { type FormEvent, memo, useEffect } from 'react';
import { createRoot } from 'react-dom/client';

const client = createChatClient({ url: '/chatkit' });

const Message = memo(({ item }: { item: ThreadItem }) => <li>{messageText(item) ?? item.type}</li>);

function Chat() {
  const { items, thread, progress, canStop, error, client } = useChat();

  // The thread is in the address: a reload in the middle of an answer shows the answer going on.
  useEffect(() => {
    const id = location.hash.slice(1);
    if (id) client.loadThread(id).catch(() => {}); // a failure is in `error`
  }, [client]);
  useEffect(() => {
    if (thread) history.replaceState(null, '', `#${thread.id}`);
  }, [thread]);

  const send = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    client.send(String(new FormData(event.currentTarget).get('text')));
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

createRoot(document.getElementById('root') as HTMLElement).render(
  <ChatProvider client={client}>
    <Chat />
  </ChatProvider>,
);
