import {
  type Attachment,
  serializeEvent,
  type Thread,
  type ThreadItem,
  type ThreadStreamEvent,
  textDelta,
  toWireEvent,
  toWireItem,
  toWireThread,
} from '@chatkit/core';
import { describe, expect, it } from 'vitest';

// Every expected string is what the Python models of openai-chatkit 1.6.5 print for the same value.
const base = { id: 'i', thread_id: 't', created_at: '2026-01-01T00:00:00' };
const head = '"id":"i","thread_id":"t","created_at":"2026-01-01T00:00:00"';

describe('toWireItem writes what the reference writes, byte for byte', () => {
  const cases: [name: string, item: unknown, wire: string][] = [
    [
      'a user message: no attachment metadata, nulls of a tag kept',
      {
        type: 'user_message',
        inference_options: { model: 'm', tool_choice: { id: 'i' } },
        quoted_text: 'q',
        content: [{ type: 'input_tag', group: 'g', interactive: false, id: 'i', text: 't', data: { a: null } }],
        attachments: [
          {
            type: 'image',
            metadata: { x: 1 },
            preview_url: 'https://example.com/',
            id: 'a',
            name: 'n',
            mime_type: 'm',
            thread_id: 't',
            upload_descriptor: { method: 'PUT', url: 'https://x.com/', headers: {} },
          },
        ],
        ...base,
      },
      `{${head},"type":"user_message","content":[{"type":"input_tag","id":"i","text":"t","data":{"a":null},"group":"g","interactive":false}],"attachments":[{"id":"a","name":"n","mime_type":"m","upload_descriptor":{"url":"https://x.com/","method":"PUT","headers":{}},"thread_id":"t","type":"image","preview_url":"https://example.com/"}],"quoted_text":"q","inference_options":{"tool_choice":{"id":"i"},"model":"m"}}`,
    ],
    [
      'a client tool call: null output left out, nulls in arguments kept',
      { ...base, type: 'client_tool_call', name: 'n', call_id: 'c', arguments: { a: null }, output: null },
      `{${head},"type":"client_tool_call","status":"pending","call_id":"c","name":"n","arguments":{"a":null}}`,
    ],
    [
      'a client tool call with an output',
      {
        ...base,
        type: 'client_tool_call',
        status: 'pending',
        call_id: 'c',
        name: 'n',
        arguments: {},
        output: { x: null },
      },
      `{${head},"type":"client_tool_call","status":"pending","call_id":"c","name":"n","arguments":{},"output":{"x":null}}`,
    ],
    [
      'a widget: nulls stripped in lists and payloads, the key "children" kept where it is data',
      {
        ...base,
        type: 'widget',
        copy_text: 'c',
        widget: {
          type: 'Card',
          zeta: null,
          border: { a: null, children: null },
          id: 'r',
          children: [
            { type: 'Transition', children: { type: 'Text', value: 'x', id: 't', list: [null, 1] } },
            {
              value: 'v',
              type: 'Text',
              key: 'k',
              children: null,
              z: 1,
              onClickAction: { type: 'a', payload: { n: null, l: [null, 1] } },
            },
          ],
        },
      },
      `{${head},"type":"widget","widget":{"id":"r","type":"Card","children":[{"type":"Transition","children":{"id":"t","type":"Text","value":"x","list":[1]}},{"key":"k","type":"Text","value":"v","z":1,"onClickAction":{"type":"a","payload":{"l":[1]}}}],"border":{"children":null}},"copy_text":"c"}`,
    ],
    [
      'a structured input',
      {
        ...base,
        type: 'structured_input',
        inputs: [
          { type: 'freeform', id: 'q', question: 'Q', description: 'd', answer: { values: ['v'], skipped: false } },
        ],
      },
      `{${head},"type":"structured_input","status":"pending","inputs":[{"id":"q","question":"Q","answer":{"values":["v"],"skipped":false},"type":"freeform","description":"d"}]}`,
    ],
    [
      'a workflow',
      {
        ...base,
        type: 'workflow',
        workflow: {
          type: 'custom',
          tasks: [
            {
              type: 'file',
              title: 't',
              sources: [{ type: 'file', title: 't', filename: 'f', description: 'd' }],
              status_indicator: 'none',
            },
            {
              type: 'web_search',
              title_query: 'q',
              sources: [{ type: 'url', title: 't', url: 'u', attribution: 'a' }],
            },
            { type: 'thought', content: 'c' },
            { type: 'image' },
          ],
          summary: { icon: 'bolt', title: 't' },
          expanded: false,
        },
      },
      `{${head},"type":"workflow","workflow":{"type":"custom","tasks":[{"status_indicator":"none","type":"file","title":"t","sources":[{"title":"t","description":"d","type":"file","filename":"f"}]},{"status_indicator":"none","type":"web_search","title_query":"q","queries":[],"sources":[{"title":"t","type":"url","url":"u","attribution":"a"}]},{"status_indicator":"none","type":"thought","content":"c"},{"status_indicator":"none","type":"image"}],"summary":{"title":"t","icon":"bolt"},"expanded":false}}`,
    ],
    [
      'hidden context',
      { ...base, type: 'hidden_context_item', content: { a: null } },
      `{${head},"type":"hidden_context_item","content":{"a":null}}`,
    ],
    [
      'what is no part, and what is no list, as it came',
      { ...base, type: 'assistant_message', content: [null, { annotations: 'x' }] },
      `{${head},"type":"assistant_message","content":[null,{"annotations":"x","text":"","type":"output_text"}]}`,
    ],
    [
      'an item of a newer peer, as it came',
      { ...base, type: 'hologram', depth: null },
      `{${head},"type":"hologram","depth":null}`,
    ],
  ];
  it.each(cases)('%s', (_name, item, wire) => {
    expect(JSON.stringify(toWireItem(item as ThreadItem))).toBe(wire);
  });
});

describe('toWireThread', () => {
  it('starts with the title, empties metadata, keeps the page and leaves out hidden items', () => {
    const thread = {
      id: 't',
      created_at: base.created_at,
      title: 'x',
      status: { type: 'locked', reason: 'r' },
      allowed_image_domains: ['a'],
      metadata: { secret: 1 },
      items: { after: 'z', data: [{ ...base, type: 'sdk_hidden_context', content: 'x' }], has_more: true },
    } as Thread;
    expect(JSON.stringify(toWireThread(thread))).toBe(
      '{"title":"x","id":"t","created_at":"2026-01-01T00:00:00","status":{"type":"locked","reason":"r"},"allowed_image_domains":["a"],"metadata":{},"items":{"data":[],"has_more":true,"after":"z"}}',
    );
  });
  it('gives stored metadata an empty page', () => {
    expect(
      JSON.stringify(toWireThread({ id: 't', created_at: 'd', status: { type: 'active' }, metadata: { a: 1 } })),
    ).toBe('{"id":"t","created_at":"d","status":{"type":"active"},"metadata":{},"items":{"data":[],"has_more":false}}');
  });
});

describe('serializeEvent', () => {
  it('escapes a delta as the reference does', () => {
    expect(serializeEvent(textDelta('x', 'é\u2028\u0000\u007f\b"\\/'))).toBe(
      '{"type":"thread.item.updated","item_id":"x","update":{"type":"assistant_message.content_part.text_delta","content_index":0,"delta":"é\u2028\\u0000\u007f\\b\\"\\\\/"}}',
    );
  });
  it('writes a delta the same by the short way as by the table', () => {
    const event = textDelta('m "1"', 'a\n', 2);
    expect(serializeEvent(event)).toBe(JSON.stringify(toWireEvent(event)));
  });
  it('fills in the defaults', () => {
    expect(serializeEvent({ type: 'error', code: 'stream.error', allow_retry: true })).toBe(
      '{"type":"error","code":"stream.error","allow_retry":true}',
    );
    expect(serializeEvent({ type: 'client_effect', name: 'n' } as ThreadStreamEvent)).toBe(
      '{"type":"client_effect","name":"n","data":{}}',
    );
    expect(serializeEvent({ type: 'error' } as ThreadStreamEvent)).toBe(
      '{"type":"error","code":"custom","allow_retry":false}',
    );
  });
  it('orders the fields of an entity source and of an annotation', () => {
    const source = {
      type: 'entity',
      id: 'i',
      title: 't',
      icon: 'bolt',
      label: 'l',
      inline_label: 'x',
      preview: 'lazy',
      data: { a: null },
    };
    const event = {
      type: 'thread.item.updated',
      item_id: 'm',
      update: {
        annotation: { index: 3, source, type: 'annotation' },
        annotation_index: 0,
        content_index: 0,
        type: 'assistant_message.content_part.annotation_added',
      },
    } as unknown as ThreadStreamEvent;
    expect(serializeEvent(event)).toBe(
      '{"type":"thread.item.updated","item_id":"m","update":{"type":"assistant_message.content_part.annotation_added","content_index":0,"annotation_index":0,"annotation":{"type":"annotation","source":{"title":"t","type":"entity","id":"i","icon":"bolt","label":"l","inline_label":"x","interactive":false,"data":{"a":null},"preview":"lazy"},"index":3}}}',
    );
  });
  it('does not change what it is given', () => {
    const attachment = Object.freeze({ type: 'file', id: 'a', name: 'n', mime_type: 'm', metadata: { k: 1 } });
    const item = Object.freeze({
      ...base,
      type: 'user_message',
      content: [],
      attachments: [attachment as Attachment],
      inference_options: {},
    }) as ThreadItem;
    expect(toWireItem(item)).not.toBe(item);
    expect(attachment.metadata).toEqual({ k: 1 });
  });
});
