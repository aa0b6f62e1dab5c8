import { createScriptedNetwork, createVirtualClock } from '@chatkit/testing';
import { describe, expect, it } from 'vitest';

const text = 'data: grüße\n\ndata: two\n\n';
const bytes = new TextEncoder().encode(text);

/** A handler whose body comes in two chunks, possibly without an end, and that knows whether it was cancelled. */
const twoChunks = ({ endless = false } = {}) => {
  const state = { cancelled: false };
  const handler = () => {
    const chunks = [bytes.slice(0, 10), bytes.slice(10)];
    return new Response(
      new ReadableStream<Uint8Array>({
        pull(controller) {
          const chunk = chunks.shift();
          if (chunk !== undefined) controller.enqueue(chunk);
          else if (!endless) controller.close();
        },
        cancel() {
          state.cancelled = true;
        },
      }),
    );
  };
  return { state, handler };
};

/** What arrives of a body, and the error it ends with. */
const receive = async (response: Response) => {
  const received: number[] = [];
  try {
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) received.push(...chunk);
    return { received };
  } catch (error) {
    return { received, error };
  }
};

describe('createScriptedNetwork', () => {
  it('passes through what has no plan', async () => {
    const { handler } = twoChunks();
    const network = createScriptedNetwork({ handler });
    const response = await network.fetch('http://chat.test/', { method: 'POST', body: 'hello' });
    expect(await response.text()).toBe(text);
    expect(network.requests).toMatchObject([{ method: 'POST', body: 'hello', state: 'complete' }]);
    expect(network.requests[0]?.receivedBytes).toBe(bytes.length);
  });

  it('cuts after exactly so many bytes, at every byte, and the other side sees it', async () => {
    for (let cutAfterBytes = 0; cutAfterBytes < bytes.length; cutAfterBytes += 1) {
      const { handler, state } = twoChunks({ endless: true });
      const network = createScriptedNetwork({ handler });
      network.plan({ cutAfterBytes });
      const { received, error } = await receive(await network.fetch('http://chat.test/'));
      expect(received).toEqual([...bytes.slice(0, cutAfterBytes)]);
      expect(error).toBeInstanceOf(TypeError);
      expect(state.cancelled).toBe(true);
      expect(network.requests[0]?.state).toBe('cut');
    }
  });

  it('ends early without an error, as a proxy does', async () => {
    const network = createScriptedNetwork(twoChunks());
    network.plan({ endAfterBytes: 4, chunkBytes: 3 });
    expect(await receive(await network.fetch('http://chat.test/'))).toEqual({ received: [...bytes.slice(0, 4)] });
  });

  it('stops a request that is aborted before its answer, whenever that is, and cancels what the handler answers', async () => {
    const clock = createVirtualClock();
    for (const abortAtMs of [undefined, 0, 10]) {
      const { handler, state } = twoChunks({ endless: true });
      let asked = 0;
      const network = createScriptedNetwork({
        handler: () => {
          asked += 1;
          return handler();
        },
        clock,
      });
      network.plan({ delayMs: 20 });
      const abort = new AbortController();
      const answer = network.fetch('http://chat.test/', { signal: abort.signal });
      const stopped = expect(answer).rejects.toThrow('stop');
      if (abortAtMs !== undefined) await clock.advance(abortAtMs);
      abort.abort(new Error('stop'));
      await stopped;
      await clock.advance(20);
      expect(asked).toBe(abortAtMs === undefined ? 0 : 1);
      expect(state.cancelled).toBe(asked === 1);
      expect(network.requests[0]?.state).toBe('cancelled');
    }
  });

  it('leaves the plan to the requests that are sent', async () => {
    const network = createScriptedNetwork(twoChunks());
    network.plan({ status: 503 });
    await expect(network.fetch('http://chat.test/', { signal: AbortSignal.abort() })).rejects.toThrow();
    expect((await network.fetch('http://chat.test/')).status).toBe(503);
  });

  it('stalls and stays open until the caller gives up', async () => {
    const { handler, state } = twoChunks({ endless: true });
    const network = createScriptedNetwork({ handler });
    network.plan({ stallAfterBytes: 5 });
    const abort = new AbortController();
    const response = await network.fetch('http://chat.test/', { signal: abort.signal });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    expect((await reader.read()).value).toHaveLength(5);
    const stalled = reader.read();
    expect(await Promise.race([stalled, new Promise((resolve) => setTimeout(resolve, 5, 'silent'))])).toBe('silent');
    expect(network.requests[0]?.state).toBe('stalled');
    abort.abort(new Error('watchdog'));
    await expect(stalled).rejects.toThrow('watchdog');
    expect(state.cancelled).toBe(true);
  });

  it('answers by itself, refuses, loses answers, delays and goes offline', async () => {
    const clock = createVirtualClock();
    let asked = 0;
    const network = createScriptedNetwork({
      clock,
      handler: () => {
        asked += 1;
        return new Response(new ReadableStream({}));
      },
    });
    network.plan({ status: 502, headers: { 'retry-after': '1' } }, { refuse: true }, { loseAnswer: true });
    const refused = await network.fetch('http://chat.test/');
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([502, '1']);
    await expect(network.fetch('http://chat.test/')).rejects.toBeInstanceOf(TypeError);
    expect(asked).toBe(0);
    await expect(network.fetch('http://chat.test/')).rejects.toBeInstanceOf(TypeError);
    expect(asked).toBe(1);

    network.plan({ delayMs: 100 });
    let answered = false;
    const late = network.fetch('http://chat.test/').then((response) => {
      answered = true;
      return response;
    });
    await clock.advance(99);
    expect(answered).toBe(false);
    await clock.advance(1);
    const reading = receive(await late);
    network.offline();
    expect((await reading).error).toBeInstanceOf(TypeError);
    await expect(network.fetch('http://chat.test/')).rejects.toBeInstanceOf(TypeError);
    network.online();
    expect((await network.fetch('http://chat.test/')).ok).toBe(true);
  });
});
