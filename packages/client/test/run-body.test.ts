import { type ThreadStreamEvent, textDelta } from '@chatkit/core';
import { describe, expect, it, vi } from 'vitest';
import { createRunBodyReader } from '../src/run-body.ts';

/** A reader, and what it has told. `act` hears of events first. */
const readerOf = (act = () => {}) => {
  const told: unknown[] = [];
  const reader = createRunBodyReader({
    onHeard: (events) => told.push(`heard ${events}`),
    onEvents(events: readonly ThreadStreamEvent[], isLast: boolean) {
      act();
      told.push(events, isLast);
    },
    onRetry: (ms) => told.push(`retry ${ms}`),
    onNumbered: () => told.push('numbered'),
  });
  return { reader, told };
};

/** A body that brings this text in one piece, and stays open. */
const bodyOf = (text: string, cancel = () => {}): ReadableStream<Uint8Array> =>
  new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode(text)), cancel });

const signal = new AbortController().signal;
const event = textDelta('msg_1', 'a');
const frame = (id: string, data: unknown, name?: string) =>
  `${name === undefined ? '' : `event: ${name}\n`}id: ${id}\ndata: ${JSON.stringify(data)}\n\n`;
const end = frame('1-9', { outcome: 'completed' }, 'end');

describe('the body of a run', () => {
  it('is over with its terminal frame: nothing behind that counts, and nothing more is waited for', async () => {
    const { reader, told } = readerOf();
    let cancels = 0;
    const body = bodyOf(
      `retry: 700\n\n${frame('1-1', event)}${end}retry: 9\n\n${frame('1-10', event)}`,
      () => cancels++,
    );
    expect(await reader.read(body, signal)).toEqual({ type: 'ended', outcome: 'completed' });
    expect(told).toEqual(['retry 700', 'numbered', 'heard 1', [event], true]);
    expect(reader.lastOffset()).toBe('1-9');
    expect(cancels).toBe(1);
  });

  it('has ended as its server says, and if that is not known here, well', async () => {
    for (const [data, outcome] of [
      [{ outcome: 'failed' }, 'failed'],
      [{ outcome: 'paused' }, 'completed'],
      [null, 'completed'],
    ])
      expect(await readerOf().reader.read(bodyOf(frame('1-1', data, 'end')), signal)).toEqual({
        type: 'ended',
        outcome,
      });
  });

  it('brings nothing that came by an earlier one', async () => {
    const { reader, told } = readerOf();
    const abort = new AbortController();
    const cut = reader.read(bodyOf(frame('1-1', event) + frame('1-2', event)), abort.signal);
    await vi.waitFor(() => expect(told).toContain('heard 2'));
    abort.abort();
    expect(await cut).toEqual({ type: 'cut' });
    told.length = 0;
    await reader.read(bodyOf(frame('1-2', event) + frame('1-3', event) + end), signal);
    expect(told).toEqual(['heard 1', [event], true]);
  });

  it('has events in frames of the default name, and nothing else that counts as one', async () => {
    const { reader, told } = readerOf();
    const others = [null, 5, 'text', {}, { type: 5 }].map((data, index) => frame(`1-${index + 1}`, data));
    const body = bodyOf(
      `${others.join('')}${frame('1-6', event, 'message')}${frame('1-7', event, 'of a newer server')}${end}`,
    );
    await reader.read(body, signal);
    expect(told).toEqual(['numbered', 'heard 1', [event], true]);
  });

  it('of heartbeats alone has no events to tell of', async () => {
    const { reader, told } = readerOf();
    await reader.read(bodyOf(`:\n\n${end}`), signal);
    expect(told).toEqual(['numbered', 'heard 0']);
  });

  it('is read no further by whoever lets go of it in the middle of its events', async () => {
    const abort = new AbortController();
    const { reader, told } = readerOf(() => abort.abort());
    expect(await reader.read(bodyOf(frame('1-1', event)), abort.signal)).toEqual({ type: 'cut' });
    expect(told).toEqual(['numbered', 'heard 1', [event], false]);
  });
});
