/**
 * Below the server: every frame that the reference sent is read by our schemas and written again, byte for byte.
 * Timestamps are kept as they came; numbers and the order of keys are what JavaScript makes of them.
 */
import { serializeEvent, type ThreadStreamEvent, toWireAttachment, toWireItem, toWireThread } from '@chatkit/core';
import {
  attachmentSchema,
  threadItemSchema,
  threadMetadataSchema,
  threadStreamEventSchema,
} from '@chatkit/core/schema';
import { describe, expect, it } from 'vitest';
import { type Json, loadRecording, loadScenarios, readJson } from './scenario.ts';

const requestTypes = [
  'threads.create',
  'threads.add_user_message',
  'threads.add_client_tool_output',
  'threads.add_structured_input',
  'threads.retry_after_item',
  'threads.custom_action',
  'threads.sync_custom_action',
  'threads.get_by_id',
  'threads.list',
  'threads.update',
  'threads.delete',
  'items.list',
  'items.feedback',
  'attachments.create',
  'attachments.delete',
  'input.transcribe',
];

const scenarios = loadScenarios();
const frames = scenarios.flatMap(({ name }) =>
  loadRecording(name).answers.flatMap(({ sse = [] }, request) =>
    sse.map((frame, at) => ({ where: `${name}, request ${request}, frame ${at}`, frame })),
  ),
);
const jsonOf = (frame: string): string => frame.slice('data: '.length, -2);
const events = frames.map(({ frame }) => JSON.parse(jsonOf(frame)) as ThreadStreamEvent);

/** What JavaScript makes of the text: `numbers` and `key-order` of the page of differences. */
const asJavaScript = (text: string): string => JSON.stringify(JSON.parse(text));

describe('the recordings are a proof of the whole protocol', () => {
  it('has at least 60 scenarios, with a recording each', () => {
    expect(scenarios.length).toBeGreaterThanOrEqual(60);
    for (const { name, requests } of scenarios) expect(loadRecording(name).answers).toHaveLength(requests.length);
  });

  it('was recorded from the pinned SDK', () => {
    for (const { name } of scenarios) expect([name, loadRecording(name).sdk]).toEqual([name, '1.6.5']);
  });

  it('sends every request', () => {
    const sent = scenarios.flatMap(({ requests }) => requests.map(({ body }) => body?.['type']));
    expect(requestTypes.filter((type) => !sent.includes(type))).toEqual([]);
  });

  it('has every event, update and item that the schemas know', () => {
    const seenEvents = new Set<string>(events.map(({ type }) => type));
    const updates = new Set<string>(events.flatMap((event) => ('update' in event ? [event.update.type] : [])));
    const stored = scenarios.flatMap(({ name }) =>
      Object.values(loadRecording(name).rows).flatMap(({ items = {} }) => Object.values(items).flat()),
    );
    const items = new Set(stored.map((item) => item['type']));
    const typesOf = (schema: { options: readonly { shape: { type: { value: string } } }[] }) =>
      schema.options.map(({ shape }) => shape.type.value);
    expect(typesOf(threadStreamEventSchema as never).filter((type) => !seenEvents.has(type))).toEqual([]);
    expect(typesOf(threadItemSchema as never).filter((type) => !items.has(type))).toEqual([]);
    expect(updates.size).toBe(10);
  });
});

describe('reading and writing a recorded frame changes nothing', () => {
  it.each(frames)('$where', ({ frame }) => {
    expect(frame.startsWith('data: {') && frame.endsWith('}\n\n')).toBe(true);
    const event = threadStreamEventSchema.parse(JSON.parse(jsonOf(frame)));
    // The one frame in which an application sent what is its own: `metadata-never-sent`.
    const expected = asJavaScript(jsonOf(frame)).replace('"metadata":{"secret":1}', '"metadata":{}');
    expect(serializeEvent(event)).toBe(expected);
  });

  it('and almost all frames need no leave for that', () => {
    const others = frames.filter(({ frame }) => asJavaScript(jsonOf(frame)) !== jsonOf(frame));
    expect(others.map(({ where }) => where)).toEqual([
      'free-form-keys, request 0, frame 3',
      'generated-image, request 0, frame 5',
      'number-beyond-double, request 0, frame 3',
      'numbers, request 0, frame 3',
    ]);
  });
});

describe('a row that the Python SDK wrote loads, and is sent as the SDK sends it', () => {
  const rows =
    readJson<Record<'threads' | 'items' | 'attachments', { row: Json; wire: string }[]>>('fixtures/python-rows.json');

  it.each(rows.threads)('thread $row.id', ({ row, wire }) => {
    expect(JSON.stringify(toWireThread(threadMetadataSchema.parse(row)))).toBe(wire);
  });

  it.each(rows.items)('$row.type $row.id', ({ row, wire }) => {
    expect(JSON.stringify(toWireItem(threadItemSchema.parse(row)))).toBe(wire);
  });

  it.each(rows.attachments)('attachment $row.id', ({ row, wire }) => {
    expect(JSON.stringify(toWireAttachment(attachmentSchema.parse(row)))).toBe(wire);
  });
});
