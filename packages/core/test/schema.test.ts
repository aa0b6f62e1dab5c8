import { threadItemSchema, threadMetadataSchema, threadSchema, threadStreamEventSchema } from '@chatkit/core/schema';
import { describe, expect, it } from 'vitest';

const base = { id: 'i', thread_id: 't', created_at: '2026-01-01T00:00:00' };

describe('lenient in', () => {
  it.each([
    '2026-11-22T10:06:28.710334',
    '2026-11-22T10:06:28',
    '2026-11-22T10:06:28.710334Z',
    '2026-11-22T10:06:28Z',
    '2026-11-22T10:06:28.710334+00:00',
    '2026-11-22T10:06:28+02:00',
  ])('reads the timestamp %s and keeps it as it came', (created_at) => {
    const item = threadItemSchema.parse({ ...base, created_at, type: 'end_of_turn' });
    expect(item.created_at).toBe(created_at);
    expect(threadMetadataSchema.parse({ id: 't', created_at }).created_at).toBe(created_at);
  });

  it.each(['', 'yesterday', '2026-11-22', '2026-13-01T00:00:00Z', 1700000000, null])(
    'refuses the timestamp %s',
    (at) => {
      expect(threadItemSchema.safeParse({ ...base, created_at: at, type: 'end_of_turn' }).success).toBe(false);
    },
  );

  it('reads rows in which the reference left nulls and left out defaults', () => {
    expect(
      threadItemSchema.parse({
        ...base,
        type: 'user_message',
        content: [{ type: 'input_tag', id: 'i', text: 't', group: null }],
        attachments: null,
        quoted_text: null,
      }),
    ).toEqual({
      ...base,
      type: 'user_message',
      content: [{ type: 'input_tag', id: 'i', text: 't', data: {}, interactive: false }],
      attachments: [],
      inference_options: {},
    });
    expect(threadSchema.parse({ id: 't', created_at: base.created_at, items: { data: [] } })).toEqual({
      id: 't',
      created_at: base.created_at,
      status: { type: 'active' },
      metadata: {},
      items: { data: [], has_more: false },
    });
  });

  it('gives every reader its own default', () => {
    const read = () => threadItemSchema.parse({ ...base, type: 'user_message', content: [] });
    const first = read();
    if (first.type === 'user_message') first.attachments.push({ type: 'file', id: 'a', name: 'n', mime_type: 'm' });
    expect(read()).toMatchObject({ attachments: [] });
  });

  it('keeps nulls in free-form values and everything in widgets', () => {
    const call = { ...base, type: 'client_tool_call', call_id: 'c', name: 'n', arguments: { a: null, b: [null] } };
    expect(threadItemSchema.parse(call)).toMatchObject({ arguments: { a: null, b: [null] }, status: 'pending' });
    const widget = { type: 'Card', border: { size: 1 }, children: [{ type: 'Hologram', depth: null }] };
    expect(threadItemSchema.parse({ ...base, type: 'widget', widget })).toMatchObject({ widget });
  });

  it('drops unknown keys and refuses unknown types', () => {
    expect(threadStreamEventSchema.parse({ type: 'thread.item.removed', item_id: 'i', seq: 4 })).toEqual({
      type: 'thread.item.removed',
      item_id: 'i',
    });
    expect(threadStreamEventSchema.safeParse({ type: 'thread.sparkled' }).success).toBe(false);
    expect(threadItemSchema.safeParse({ ...base, type: 'widget', widget: { type: 'Text' } }).success).toBe(false);
  });
});
