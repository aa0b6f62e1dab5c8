/**
 * Emitters that end while they are attached to, functions of the user's that throw in a listener, items that Node takes
 * for an end.
 */

import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { collect, fromEvents } from '../src/index.ts';
import { toNodeReadable } from '../src/node/index.ts';
import { chunked } from './support/chunked.ts';
import { outcome } from './support/outcome.ts';
import { stateOf } from './support/probe-source.ts';

const boom = new Error('boom');
const fail = (): never => {
  throw boom;
};

describe('fromEvents', () => {
  it('fails when `item` throws, and detaches', async () => {
    const emitter = new EventEmitter();
    const next = fromEvents(emitter, 'data', { item: fail }).next();
    emitter.emit('data', 1);
    expect(await stateOf(next)).toEqual({ state: 'rejected', error: boom });
    expect(emitter.listenerCount('data')).toBe(0);
  });

  it('fails when it cannot attach', async () => {
    const target = { on: fail, off: () => {} };
    expect(await stateOf(fromEvents(target, 'data').next())).toEqual({ state: 'rejected', error: boom });
  });

  it('keeps no listener on an emitter that ends while it is being attached', async () => {
    const emitter = new EventEmitter();
    const on = emitter.on.bind(emitter);
    emitter.on = (name, listener) => {
      on(name, listener);
      if (name === 'end') emitter.emit('end');
      return emitter;
    };
    expect(await collect(fromEvents(emitter, 'data', { end: 'end', error: 'error' }))).toEqual([]);
    expect(emitter.eventNames()).toEqual([]);
  });
});

describe('toNodeReadable', () => {
  it.each([[[1, null, 2]], [[[1, null, 2]]]])('does not end as if it were whole at a null', async (items) => {
    const source = Array.isArray(items[0]) ? chunked(items as unknown[][]) : items;
    const got = await outcome(toNodeReadable(source as Iterable<unknown>));
    expect(got).toEqual([1, expect.any(TypeError)]);
  });
});
