import type { ThreadStreamEvent } from '@chatkit/core';
import { createVirtualClock, fail, hang, run, say, scriptedResponder, wait } from '@chatkit/testing';
import { describe, expect, it } from 'vitest';

const thread = { id: 'thr_1' };
const collect = async (events: AsyncIterable<ThreadStreamEvent>) => {
  const types: string[] = [];
  for await (const event of events) types.push(event.type);
  return types;
};

describe('scriptedResponder', () => {
  it('plays its script and records the call', async () => {
    const respond = scriptedResponder([say('Hel', 'lo'), run((call) => expect(call.thread).toBe(thread))]);
    expect(await collect(respond(thread, 'hi', 'ada'))).toEqual([
      'thread.item.added',
      'thread.item.updated',
      'thread.item.updated',
      'thread.item.done',
    ]);
    expect(respond.calls).toMatchObject([{ input: 'hi', context: 'ada', outcome: 'ended' }]);
  });

  it('plays a script chosen per call', async () => {
    const respond = scriptedResponder((_, index) => (index === 0 ? [fail(new Error('busy'))] : [say('ok')]));
    await expect(collect(respond(thread, null))).rejects.toThrow('busy');
    expect(respond.calls[0]?.outcome).toBe('threw');
    expect(await collect(respond(thread, null))).toHaveLength(3);
  });

  it('ends a pause and a hang when the run is aborted, and says that it was returned early', async () => {
    const clock = createVirtualClock();
    const abort = new AbortController();
    const respond = scriptedResponder([say('a'), wait(1000)], { clock });
    const collecting = collect(respond(thread, null, null, { signal: abort.signal }));
    await clock.advance(10);
    abort.abort(new Error('stopped'));
    await expect(collecting).rejects.toThrow('stopped');
    expect(clock.pending).toBe(0);

    const hanging = scriptedResponder([hang()]);
    await expect(collect(hanging(thread, null, null, { signal: abort.signal }))).rejects.toThrow('stopped');

    const left = respond(thread, null);
    await left.next();
    await left.return();
    expect(respond.calls[1]?.outcome).toBe('returned');
  });
});
