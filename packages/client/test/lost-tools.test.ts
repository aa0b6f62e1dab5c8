// A page loses an answer that calls one of its tools, and looks at the thread when its user comes back (`refresh()`).
import { assistantMessage, clientToolCall, itemAdded, itemDone, textDelta } from '@chatkit/core';
import { createVirtualClock } from '@chatkit/testing';
import { describe, expect, it } from 'vitest';
import type { ChatClient } from '../src/index.ts';
import { requestTypes, testChat, textOf, texts } from './support/chat.ts';

/** A chat whose page is offline after the first word, and has given up; the model calls the tool `workMs` later. */
const lost = async (workMs: number) => {
  const clock = createVirtualClock({ startMs: 1_000_000 });
  const called: string[] = [];
  const asked: string[] = [];
  const chat = testChat({
    clock,
    async *respond({ id: thread_id }, input, _context, { signal }) {
      asked.push(input === null ? 'go on' : textOf(input));
      if (input === null) return yield itemDone(assistantMessage({ thread_id, text: 'thanks' }));
      const item = assistantMessage({ thread_id });
      yield itemAdded(item);
      yield textDelta(item.id, 'Let me see.');
      await clock.sleep(workMs, signal);
      yield itemDone({ ...item, content: [{ type: 'output_text', text: 'Let me see.', annotations: [] }] });
      const id = `c${asked.length}`;
      yield itemDone(clientToolCall({ thread_id, id, call_id: id, name: 'pick', arguments: {} }));
    },
  });
  const open = (name: string): ChatClient =>
    chat.client({
      clock,
      random: () => 0.5,
      connection: { budgetMs: 60_000 },
      onClientTool() {
        called.push(name);
        return 'red';
      },
    });
  const client = open('page');
  client.send('Hi');
  await clock.advance(1_000);
  chat.network.offline();
  await clock.advance(120_000);
  expect(client.getSnapshot()).toMatchObject({ status: 'idle', error: { retryable: true } });
  chat.network.online();
  return { ...chat, clock, client, open, called, asked };
};

it('an answer that was lost does not make the next one, of another page, its own', async () => {
  const { client, clock, called, open, network } = await lost(5_000);
  const other = open('other');
  await other.loadThread(client.getSnapshot().thread?.id ?? '');
  other.send('Next');
  await clock.advance(1_000);
  const refreshed = client.refresh();
  await clock.advance(600_000);
  await refreshed;
  expect(requestTypes(network)).toContain('GET');
  expect(called).toEqual(['other']);
  await client.refresh();
  expect(client.getSnapshot().items).toEqual(other.getSnapshot().items);
});

describe.each([
  ['goes on', 300_000],
  ['has ended', 5_000],
])('an answer that was lost and %s on the server', (_, workMs) => {
  it('has its tool run by the page that asked, once, when that page looks at the thread', async () => {
    const { client, clock, called, asked, network } = await lost(workMs);
    const refreshed = client.refresh();
    await clock.advance(600_000);
    await refreshed;
    expect([called, asked]).toEqual([['page'], ['Hi', 'go on']]);
    expect(requestTypes(network).at(-1)).toBe('threads.add_client_tool_output');
    expect(texts(client)).toEqual(['Hi', 'Let me see.', '', 'thanks']);
    expect(client.getSnapshot()).toMatchObject({ status: 'idle', error: undefined });
    await client.refresh();
    expect(called).toEqual(['page']);
  });

  it('leaves its tool alone in another page, which cannot know who runs it', async () => {
    const { client, clock, called, open } = await lost(workMs);
    const other = open('other');
    const loaded = other.loadThread(client.getSnapshot().thread?.id ?? '');
    await clock.advance(600_000);
    await loaded;
    expect(called).toEqual([]);
    expect(other.getSnapshot().items.at(-1)).toMatchObject({ type: 'client_tool_call', status: 'pending' });
  });
});
