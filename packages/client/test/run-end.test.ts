import { createVirtualClock, say, scriptedResponder, until } from '@chatkit/testing';
import { expect, it } from 'vitest';
import type { ChatClient, ChatRun } from '../src/index.ts';
import { endedEarly } from '../src/run-end.ts';
import { testChat } from './support/chat.ts';

it('a run has ended early if it said so; one whose connection was lost may still be going on', () => {
  for (const outcome of ['cancelled', 'interrupted'] as const) {
    expect(endedEarly({ reason: 'end', outcome })).toBe(true);
    for (const reason of ['stop', 'drop', 'stall', 'detach'] as const)
      expect(endedEarly({ reason, outcome })).toBe(false);
  }
  for (const outcome of ['completed', 'failed'] as const) expect(endedEarly({ reason: 'end', outcome })).toBe(false);
});

it('an answer that was complete before the stop arrived stays so', async () => {
  const clock = createVirtualClock({ startMs: 1_000_000 });
  let complete = () => {};
  const hold = new Promise<void>((resolve) => {
    complete = resolve;
  });
  const { client: make, network } = testChat({
    clock,
    respond: scriptedResponder([say('a'), until(hold)]),
  });
  const client = make({ clock });
  const run = client.send('Hi');
  await clock.advance(100);
  network.plan({ refuse: true }, { refuse: true });
  void client.stop();
  complete();
  await clock.advance(2_000);
  expect([await run.closed, await run.done]).toEqual(['end', 'completed']);
  // And nobody is asked to stop it any longer.
  const { length } = network.requests;
  expect(length).toBeLessThan(4);
  await clock.advance(60_000);
  expect(network.requests).toHaveLength(length);
});

const sent: [string, (client: ChatClient) => ChatRun][] = [
  ['a message', (client) => client.send('More')],
  ['an action', (client) => client.sendAction({ type: 'go' })],
];
it.each(sent)('%s that was stopped before its run began is sent again by a run of its own', async (_, send) => {
  const { client: make, network } = testChat({ async *action() {} });
  const client = make();
  await client.send('Hi').done;
  const error = { code: 'run.cancelled', message: 'The run was stopped before it began.', retryable: true };
  network.plan({ respond: () => Response.json({ error }, { status: 409 }) });
  expect(await send(client).done).toBe('failed');
  expect(await client.retry().done).toBe('completed');
  const ids = network.requests.map(({ headers }) => headers.get('chatkit-run-id')).filter((id) => id !== null);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids).toHaveLength(3);
});
