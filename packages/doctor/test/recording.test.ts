import {
  assistantMessage,
  errorEvent,
  itemAdded,
  progressUpdate,
  type ThreadStreamEvent,
  textDelta,
} from '@chatkit/core';
import { encodeSse } from '@chatkit/transport';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { measure } from '../src/measure.ts';
import { createRecorder } from '../src/recording.ts';

const frame = (event: ThreadStreamEvent, id?: string): string =>
  encodeSse({ data: JSON.stringify(event), ...(id !== undefined && { id }) });
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const recorded = (body: Uint8Array, cuts: readonly number[]) => {
  let at = 0;
  const recorder = createRecorder(() => ++at);
  const places = [0, ...cuts.map((cut) => cut % (body.length + 1)).toSorted((a, b) => a - b), body.length];
  for (const [index, start] of places.slice(0, -1).entries()) {
    if (start < (places[index + 1] as number)) recorder.take(body.subarray(start, places[index + 1]));
  }
  return recorder;
};

const body = bytes(
  [
    encodeSse({ id: '0', retry: 1_000 }),
    frame({ type: 'thread.created', thread: { id: 'thr_1' } } as ThreadStreamEvent, '1'),
    encodeSse({ comment: '' }),
    frame(progressUpdate('Looking'), '2'),
    frame(itemAdded(assistantMessage({ thread_id: 'thr_1' })), '3'),
    ...['Grüße ', '👩‍👩‍👧 ', 'end'].map((word, index) => frame(textDelta('msg_1', word), String(4 + index))),
    frame(errorEvent({ code: 'custom', message: 'No more.', allow_retry: false }), '7'),
    encodeSse({ data: '{"type":"of_a_newer_server"}', id: '8' }),
    encodeSse({ event: 'end', data: '{"outcome":"failed"}' }),
  ].join(''),
);

describe('createRecorder', () => {
  test('knows the same of a body however its bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 4_000 }), { maxLength: 40 }), (cuts) => {
        const recorder = recorded(body, cuts);
        const { events, texts, letters, bytes: size } = measure(recorder.reads);
        expect({ events, texts, letters, size }).toEqual({ events: 8, texts: 3, letters: 18, size: body.length });
        expect(recorder).toMatchObject({
          heartbeats: 1,
          offset: '8',
          threadId: 'thr_1',
          outcome: 'failed',
          isHandedOver: false,
          hasEarlyProgress: true,
          errors: [{ code: 'custom', message: 'No more.' }],
        });
      }),
    );
  });

  test('is not thrown off by what is no event', () => {
    const recorder = createRecorder(() => 0);
    recorder.take(bytes('data: no json\n\ndata: null\n\ndata: [1]\n\ndata: {"type":7,"update":null}\n\n'));
    expect(recorder).toMatchObject({ threadId: undefined, outcome: undefined, errors: [] });
  });

  test('a frame of the default name is an event, and one of another name is none', () => {
    const recorder = createRecorder(() => 0);
    const thread = (id: string) => JSON.stringify({ type: 'thread.created', thread: { id } });
    expect(recorder.take(bytes(encodeSse({ event: 'message', data: thread('thr_1') })))).toBe(1);
    expect(recorder.take(bytes(encodeSse({ event: 'of_a_newer_server', data: thread('thr_2') })))).toBe(0);
    expect(recorder.threadId).toBe('thr_1');
  });

  test('a hand-over is one, and progress behind the first text is not early', () => {
    const recorder = createRecorder(() => 0);
    recorder.take(bytes(frame(textDelta('msg_1', 'a')) + frame(progressUpdate('late'))));
    recorder.take(bytes(encodeSse({ event: 'reconnect', data: '{}', id: '9' })));
    expect(recorder).toMatchObject({ isHandedOver: true, hasEarlyProgress: false, offset: '9' });
  });
});
