// A thread that could not be loaded is still the one that the page is about.
import { say, scriptedResponder } from '@chatkit/testing';
import { expect, it } from 'vitest';
import { testChat, texts, until } from './support/chat.ts';

/** A stored thread with one message, and a page that could not load it. */
const unloaded = async () => {
  const chat = testChat({ respond: scriptedResponder([say('ok')]) });
  const first = chat.client();
  await first.send('One').done;
  const id = first.getSnapshot().thread?.id ?? '';
  const client = chat.client();
  chat.network.plan({ refuse: true });
  await expect(client.loadThread(id)).rejects.toMatchObject({ code: 'transport.network' });
  expect(client.getSnapshot()).toMatchObject({ thread: undefined, error: { retryable: true } });
  return { ...chat, client, id };
};

it('takes a message that is sent then', async () => {
  const { client, id } = await unloaded();
  expect(await client.send('Two').done).toBe('completed');
  expect(client.getSnapshot()).toMatchObject({ thread: { id }, error: undefined });
  expect(texts(client)).toEqual(['One', 'ok', 'Two', 'ok']);
});

it('takes a message that was sent meanwhile, once it is sent again', async () => {
  const { client, id, network } = await unloaded();
  network.plan({ refuse: true });
  const loading = client.loadThread(id);
  const run = client.send('Two');
  await expect(loading).rejects.toThrow();
  expect(await run.done).toBe('cancelled');
  expect(texts(client)).toEqual(['Two']);
  // It fails once more: nothing is sent anywhere else.
  network.plan({ refuse: true });
  expect(await client.retry().done).toBe('cancelled');
  expect(client.getSnapshot()).toMatchObject({ status: 'idle', failedItemIds: { size: 1 } });
  expect(await client.retry().done).toBe('completed');
  expect(client.getSnapshot()).toMatchObject({ thread: { id }, failedItemIds: { size: 0 } });
  expect(texts(client)).toEqual(['One', 'ok', 'Two', 'ok']);
});

it.each(['retry', 'refresh'] as const)('is loaded by %s()', async (method) => {
  const { client, id, network } = await unloaded();
  network.plan({ refuse: true });
  const again = async () => {
    if (method === 'retry') return client.retry().done;
    return client.refresh().then(
      () => 'completed',
      () => 'failed',
    );
  };
  expect(await again()).toBe('failed');
  expect(client.getSnapshot()).toMatchObject({ status: 'idle', error: { code: 'transport.network', retryable: true } });
  expect(await again()).toBe('completed');
  await until(client, () => client.getSnapshot().status === 'idle');
  expect(client.getSnapshot()).toMatchObject({ thread: { id }, error: undefined });
  expect(texts(client)).toEqual(['One', 'ok']);
});

it('is forgotten when it is not there, or another one is begun', async () => {
  const { client, id } = await unloaded();
  client.newThread();
  await client.send('Two').done;
  expect(client.getSnapshot().thread?.id).not.toBe(id);
  await expect(client.loadThread('thr_gone')).rejects.toMatchObject({ code: 'thread.not_found' });
  expect(await client.send('Three').done).toBe('completed');
  expect(texts(client)).toEqual(['Three', 'ok']);
});

it.each(['loadThread', 'retry'] as const)('takes a message although %s() was detached from', async (method) => {
  const { client, id, network } = await unloaded();
  network.plan({ delayMs: 20 });
  const loading = method === 'retry' ? client.retry().done : client.loadThread(id);
  client.detach();
  await loading;
  expect(client.getSnapshot()).toMatchObject({ thread: undefined, status: 'idle' });
  expect(await client.send('Two').done).toBe('completed');
  expect(client.getSnapshot().thread?.id).toBe(id);
  expect(texts(client)).toEqual(['One', 'ok', 'Two', 'ok']);
});

it('is joined by loadThread(), whatever has begun to load it', async () => {
  const { client, id } = await unloaded();
  const run = client.send('Two');
  await client.loadThread(id);
  expect(await run.done).toBe('completed');
  expect(texts(client)).toEqual(['One', 'ok', 'Two', 'ok']);
});

it.each(['could not be loaded', 'is being loaded'])(
  'is shown no more once it was deleted when it %s',
  async (state) => {
    const { client, id, network } = await unloaded();
    let loading: Promise<void> | undefined;
    if (state === 'is being loaded') {
      network.plan({ delayMs: 20 });
      loading = client.loadThread(id);
    }
    await client.deleteThread(id);
    await loading;
    expect(client.getSnapshot()).toMatchObject({ thread: undefined, items: [], error: undefined, status: 'idle' });
    expect(await client.send('Two').done).toBe('completed');
    expect(texts(client)).toEqual(['Two', 'ok']);
  },
);
