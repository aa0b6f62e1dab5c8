// A connection that has become old is handed over: a whole frame, a word of where to go on, an ordinary end.
import { createVirtualClock, hang, say, scriptedResponder, wait } from '@chatkit/testing';
import { describe, expect, test } from 'vitest';
import { create, eventsOf, framesOf, named, optIn, outcomeOf, settle, shown, testServer, textOf } from './support.ts';

const slow = [say('one '), wait(700), say('two '), wait(700), say('three')];

const start = (options: object = {}) => {
  const clock = createVirtualClock();
  const t = testServer({
    clock,
    respond: scriptedResponder([say('one '), wait(700_000), say('two')], { clock }),
    ...options,
  });
  return { clock, t };
};

describe('a connection that is 10 minutes old', () => {
  test('ends with the offset, without an end of the run; the rest is read by attaching there, at once', async () => {
    const { clock, t } = start();
    const reading = framesOf(await t.send(create(), { headers: named('r') }));
    await clock.advance(600_000);
    const before = await reading;
    expect(before.at(-1)).toMatchObject({ event: 'reconnect', data: '{}' });
    // That of the first frame: nobody has to wait here, as those who are sent away all at once have.
    expect(before.flatMap(({ retry }) => retry ?? [])).toEqual([2000]);
    expect(outcomeOf(before)).toBeUndefined();
    const id = before.at(-1)?.id as string;
    expect(before.filter(({ data, event }) => data !== undefined && event !== 'reconnect').at(-1)?.id).toBe(id);
    const rest = framesOf(await t.attach(`run=r&after=${id}`));
    await clock.advance(100_000);
    const after = await rest;
    expect(outcomeOf(after)).toBe('completed');
    const events = eventsOf([...before.filter(({ event }) => event !== 'reconnect'), ...after]);
    expect(shown(events).slice(1).map(textOf).join('')).toBe('one two');
  });

  test('is not for plain clients, nor where it is turned off', async () => {
    for (const [options, headers] of [
      [{}, {}],
      [{ maxConnectionMs: Number.POSITIVE_INFINITY }, optIn],
    ]) {
      const { clock, t } = start(options);
      const reading = framesOf(await t.send(create(), { headers: headers as Record<string, string> }));
      await clock.advance(700_000);
      const frames = await reading;
      expect(frames.some(({ event }) => event === 'reconnect')).toBe(false);
      expect(eventsOf(frames).at(-1)?.type).toBe('thread.item.done');
    }
  });

  test('does not stop a run that is stopped when nobody reads it, as long as the client comes back', async () => {
    const { clock, t } = start({ disconnect: { resumable: 'cancel' } });
    const reading = framesOf(await t.send(create(), { headers: named('r') }));
    await clock.advance(600_000);
    const id = (await reading).at(-1)?.id;
    await clock.advance(5_000);
    const rest = framesOf(await t.attach(`run=r&after=${id}`));
    await clock.advance(95_000);
    expect(outcomeOf(await rest)).toBe('completed');
  });

  test('stops it when the client does not', async () => {
    const clock = createVirtualClock();
    const respond = scriptedResponder([say('one '), hang()], { clock });
    const t = testServer({ clock, respond, disconnect: { resumable: 'cancel' } });
    const reading = framesOf(await t.send(create(), { headers: named('r') }));
    await clock.advance(600_000);
    await reading;
    expect(respond.calls[0]?.outcome).toBe('running');
    await clock.advance(10_000);
    await settle();
    expect(respond.calls[0]?.signal?.aborted).toBe(true);
  });
});

test('while tokens come, none is lost or repeated over many hand-overs', async () => {
  const clock = createVirtualClock();
  const t = testServer({ clock, respond: scriptedResponder(slow, { clock }), maxConnectionMs: 300 });
  const frames = [];
  let reading = framesOf(await t.send(create(), { headers: named('r') }));
  let handedOver = 0;
  for (;;) {
    await clock.advance(300);
    const part = await reading;
    frames.push(...part.filter(({ event }) => event !== 'reconnect'));
    if (outcomeOf(part) !== undefined) break;
    handedOver += 1;
    reading = framesOf(await t.attach(`run=r&after=${part.at(-1)?.id}`));
  }
  expect(handedOver).toBeGreaterThan(2);
  expect(shown(eventsOf(frames)).slice(1).map(textOf).join('')).toBe('one two three');
});
