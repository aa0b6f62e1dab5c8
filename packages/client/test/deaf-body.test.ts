import { createVirtualClock } from '@chatkit/testing';
import { describe, expect, it } from 'vitest';
import { createChatClient, type PageEvents } from '../src/index.ts';
import { never } from './support/faulty-body.ts';
import { createLogServer, turnOf } from './support/log-server.ts';

type Body = ReadableStream<Uint8Array>;

/** Gives these bytes, then nothing, and takes no notice of being let go of. */
const deafBodies: Record<string, (bytes: Uint8Array, onCancel: () => void) => Body> = {
  // The engine settles the read that waits, and not the promise of `cancel()`.
  'whose source never answers': (bytes, onCancel) => {
    let isGiven = false;
    return new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          if (isGiven) return never();
          isGiven = true;
          controller.enqueue(bytes);
        },
        cancel() {
          onCancel();
          return never();
        },
      },
      { highWaterMark: 0 },
    );
  },
  // A stream that somebody else than the engine has made: not even the read that waits is settled.
  'that no engine made': (bytes, onCancel) => {
    let isGiven = false;
    const reader = {
      read() {
        if (isGiven) return never();
        isGiven = true;
        return Promise.resolve({ done: false, value: bytes });
      },
      cancel() {
        onCancel();
        return never();
      },
    };
    return { getReader: () => reader, cancel: reader.cancel } as unknown as Body;
  },
};

const answerOf = (body: Body, status = 200, runHeader = true): Response => {
  const headers = new Headers({
    'content-type': status === 200 ? 'text/event-stream' : 'application/json',
    ...(runHeader ? { 'chatkit-run-id': 'run_1', 'chatkit-heartbeat': '4000' } : {}),
  });
  return { ok: status === 200, status, headers, body } as Response;
};

const events = turnOf(['Hello ', 'there', '!']);

/** A chat whose first answers are given by `deaf`, with the first bytes of the real one. */
const chat = async (deaf: ((bytes: Uint8Array) => Response | Promise<Response>)[], extensions = true) => {
  const clock = createVirtualClock({ startMs: 1_000_000 });
  const server = createLogServer(events, [], { plain: !extensions });
  const whole = await createLogServer(events, [], { plain: !extensions }).fetch('http://chat.test/');
  const bytes = new Uint8Array(await whole.arrayBuffer()).slice(0, 900);
  const seen: string[] = [];
  const listeners = new Set<unknown>();
  const page: PageEvents = {
    listen(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  const client = createChatClient({
    url: 'http://chat.test/chatkit',
    extensions,
    clock,
    page,
    random: () => 0.5,
    scheduler: (flush) => {
      flush();
      return () => {};
    },
    // The signal is not passed on: nothing that the client says is heard.
    fetch: async (input, init) => {
      const body = String(init?.body ?? '');
      seen.push(init?.method === 'POST' ? JSON.parse(body).type : `GET ${new URL(String(input)).search}`);
      if (body.includes('runs.cancel')) return never();
      const next = deaf.shift();
      return next === undefined ? server.fetch(input, { ...init, signal: null }) : next(bytes);
    },
  });
  return { client, clock, seen, listeners };
};

describe.each(Object.entries(deafBodies))('a body %s', (_, bodyOf) => {
  it('is dropped by the watchdog, and the run goes on exactly once', async () => {
    let cancels = 0;
    const { client, clock, seen, listeners } = await chat([(bytes) => answerOf(bodyOf(bytes, () => (cancels += 1)))]);
    const run = client.send('Hi');
    const got: unknown[] = [];
    const reading = (async () => {
      for await (const event of run) got.push(event);
    })();
    await clock.advance(9_900);
    expect(seen).toEqual(['threads.create']);
    expect(got.length).toBeGreaterThan(0);
    expect(got.length).toBeLessThan(events.length);
    await clock.advance(600);
    expect(cancels).toBe(1);
    expect(seen).toEqual(['threads.create', expect.stringMatching(/^GET \?run=run_1&after=1-\d+$/)]);
    expect(await run.done).toBe('completed');
    await reading;
    expect(got).toEqual(events);
    expect(client.getSnapshot()).toMatchObject({ status: 'idle', connection: 'none', error: undefined });
    expect(clock.pending).toBe(0);
    expect(listeners.size).toBe(0);
  });

  it('keeps no stop from settling', async () => {
    const { client, clock, seen } = await chat([(bytes) => answerOf(bodyOf(bytes, () => {}))]);
    const run = client.send('Hi');
    await clock.advance(100);
    const stopped = client.stop();
    await clock.advance(3_000);
    await stopped;
    expect(await run.done).toBe('cancelled');
    expect(await run.closed).toBe('stop');
    expect(client.getSnapshot()).toMatchObject({ status: 'idle', connection: 'none' });
    expect(seen).toEqual(['threads.create', 'runs.cancel']);
    // And none of the next message.
    const next = client.send('Again');
    await clock.advance(100);
    expect(await next.done).toBe('completed');
    // The server was to be told of it for 5 minutes.
    await clock.advance(5 * 60_000 + 10_000);
    expect(clock.pending).toBe(0);
  });

  it('keeps no stop from settling of a server of the reference either', async () => {
    const { client, clock } = await chat(
      [
        (bytes) =>
          answerOf(
            bodyOf(bytes, () => {}),
            200,
            false,
          ),
      ],
      false,
    );
    const run = client.send('Hi');
    await clock.advance(100);
    const stopped = client.stop();
    await clock.advance(0);
    await stopped;
    expect(await run.done).toBe('cancelled');
  });

  it('of an error is given up on after 5 s: its status has said enough', async () => {
    const { client, clock, seen } = await chat([
      () =>
        answerOf(
          bodyOf(new Uint8Array(), () => {}),
          503,
        ),
    ]);
    const run = client.send('Hi');
    await clock.advance(4_900);
    expect(seen).toEqual(['threads.create']);
    await clock.advance(1_000);
    expect(seen).toEqual(['threads.create', 'threads.create']);
    expect(await run.done).toBe('completed');
  });

  it('that comes after it was given up is let go of, unread', async () => {
    let cancels = 0;
    let open!: (response: Response) => void;
    let bytesOf!: Uint8Array;
    const late = (bytes: Uint8Array) => {
      bytesOf = bytes;
      return new Promise<Response>((resolve) => {
        open = resolve;
      });
    };
    const { client, clock } = await chat([late]);
    const run = client.send('Hi');
    const got: unknown[] = [];
    const reading = (async () => {
      for await (const event of run) got.push(event);
    })();
    await clock.advance(20_050);
    open(answerOf(bodyOf(bytesOf, () => (cancels += 1))));
    await clock.advance(1_000);
    expect(await run.done).toBe('completed');
    await reading;
    expect(got).toEqual(events);
    expect(cancels).toBe(1);
  });
});
