import { createVirtualClock, hang, type ScriptStep, say, scriptedResponder, until } from '@chatkit/testing';
import { describe, expect, it } from 'vitest';
import type { ChatClient, ChatRun, CloseReason } from '../src/index.ts';
import { testChat, texts } from './support/chat.ts';

/** A chat whose time is the test's, in the middle of its first answer. */
const answering = async (...more: readonly ScriptStep[]) => {
  const clock = createVirtualClock({ startMs: 1_000_000 });
  const respond = scriptedResponder((_, index) => (index === 0 ? [say('a'), ...more] : [say('b')]));
  const chat = testChat({ respond, clock });
  const client = chat.client({ clock, random: () => 0.5, connection: { budgetMs: 60_000 } });
  const run = client.send('Hi');
  await clock.advance(100);
  return { ...chat, client, clock, run };
};

const ends = async (run: ChatRun) => [await run.closed, await run.done] as const;

describe('a run tells why it is no longer followed', () => {
  it('end: it said so itself, whoever stopped it', async () => {
    expect(await ends((await answering()).run)).toEqual(['end', 'completed']);

    const { run, client, clock, server, network } = await answering(hang());
    await server.handle(
      new Request('http://chat.test/chatkit', {
        method: 'POST',
        headers: { 'chatkit-client': '1', 'content-type': 'application/json' },
        body: JSON.stringify({ type: 'runs.cancel', params: { run_id: run.id } }),
      }),
      { userId: 'ada' },
    );
    await clock.advance(100);
    expect(await ends(run)).toEqual(['end', 'cancelled']);
    expect(client.getSnapshot()).toMatchObject({ status: 'idle', error: undefined });
    expect(network.requests).toHaveLength(1);
  });

  it.each([
    ['shows another thread', (client: ChatClient) => client.newThread()],
    ['sends something newer', (client: ChatClient) => void client.send('More')],
    ['stops', (client: ChatClient) => void client.stop()],
    ['lets go', (client: ChatClient) => client.detach()],
  ])('end: it said so itself, even if a subscriber that hears of it %s', async (_, act) => {
    let goOn = () => {};
    const { client, clock, run } = await answering(
      until(
        new Promise<void>((resolve) => {
          goOn = resolve;
        }),
      ),
    );
    const end = client.subscribe(() => {
      if (client.getSnapshot().status !== 'idle') return;
      end();
      act(client);
    });
    goOn();
    await clock.advance(2_000);
    expect(await ends(run)).toEqual(['end', 'completed']);
    await clock.advance(2_000);
    expect(client.getSnapshot()).toMatchObject({ status: 'idle', error: undefined });
  });

  it('stop: the user stopped it, or sent something newer', async () => {
    const stopped = await answering(hang());
    void stopped.client.stop();
    await stopped.clock.advance(100);
    expect(await ends(stopped.run)).toEqual(['stop', 'cancelled']);

    const replaced = await answering(hang());
    const second = replaced.client.send('Something else');
    await replaced.clock.advance(100);
    expect(await ends(replaced.run)).toEqual(['stop', 'cancelled']);
    expect(await ends(second)).toEqual(['end', 'completed']);
  });

  it('detach: the page let go of it', async () => {
    const { client, run } = await answering(hang());
    client.detach();
    expect(await ends(run)).toEqual(['detach', 'interrupted']);
  });

  it('navigate: another thread is shown', async () => {
    const afresh = await answering(hang());
    afresh.client.newThread();
    expect(await ends(afresh.run)).toEqual(['navigate', 'interrupted']);

    const elsewhere = await answering(hang());
    void elsewhere.client.loadThread('thr_other').catch(() => {});
    expect(await ends(elsewhere.run)).toEqual(['navigate', 'interrupted']);
  });

  it('drop: it broke, and was not to be had again', async () => {
    const { client, run, network, clock } = await answering(hang());
    network.offline();
    await clock.advance(120_000);
    expect(await ends(run)).toEqual(['drop', 'interrupted']);
    expect(client.getSnapshot().error).toMatchObject({ code: 'transport.interrupted', retryable: true });
    expect(texts(client)).toEqual(['Hi', 'a']);
  });

  it('stall: nothing was heard of it any more, however often it was asked for', async () => {
    const clock = createVirtualClock({ startMs: 1_000_000 });
    const { client: make, network } = testChat({ respond: scriptedResponder([say('a'), hang()]), clock });
    network.plan({ stallAfterBytes: 900 }, ...Array.from({ length: 20 }, () => ({ stallAfterBytes: 30 })));
    const client = make({ clock, random: () => 0.5, connection: { budgetMs: 60_000 } });
    const run = client.send('Hi');
    await clock.advance(180_000);
    expect(await ends(run)).toEqual(['stall', 'interrupted']);
    expect(client.getSnapshot().error).toMatchObject({ retryable: true });
  });

  it('refused: the server said no', async () => {
    const { client: make, network } = testChat();
    network.plan({ status: 403 });
    expect(await ends(make().send('Hi'))).toEqual(['refused', 'failed']);
  });

  it.each([410, 204])('gone: the server no longer has it (status %s)', async (status) => {
    const { client: make, network } = testChat({ respond: scriptedResponder([say('one', 'two')]) });
    network.plan({ cutAfterBytes: 900 }, { status });
    expect(await ends(make().send('Hi'))).toEqual(['gone', 'completed']);
  });

  it('of those that were never sent, too', async () => {
    const { client } = await answering(hang({ deaf: true }));
    const waiting = client.sendAction({ type: 'open', payload: {} });
    const replaced = client.sendAction({ type: 'close', payload: {} });
    void client.stop();
    expect(await Promise.all([waiting, replaced].map(ends))).toEqual([
      ['stop', 'cancelled'],
      ['stop', 'cancelled'],
    ]);
    const left = client.sendAction({ type: 'open', payload: {} });
    client.newThread();
    expect((await left.closed) satisfies CloseReason).toBe('navigate');
  });
});
