import * as core from '@chatkit/core';
import { type ThreadItem, type ThreadStreamEvent, toWireEvent, toWireItem } from '@chatkit/core';
import { threadItemSchema, threadStreamEventSchema } from '@chatkit/core/schema';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const base = { thread_id: 'thr_1' };
const fixed = { ...base, id: 'x', created_at: '2026-01-02T03:04:05Z' };
const task = { type: 'custom' as const, status_indicator: 'none' as const, title: 't' };
const card = { type: 'Card' as const, children: [] };
const image = { id: 'img', url: 'https://example.com/i.png' };

const items: [name: string, item: ThreadItem, prefix: string][] = [
  ['userMessage', core.userMessage({ ...base, text: 'hi' }), 'msg_'],
  ['assistantMessage', core.assistantMessage(base), 'msg_'],
  ['clientToolCall', core.clientToolCall({ ...base, name: 'n', arguments: { a: null } }), 'tc_'],
  ['widgetItem', core.widgetItem({ ...base, widget: card }), 'msg_'],
  ['generatedImageItem', core.generatedImageItem(base), 'msg_'],
  ['structuredInputItem', core.structuredInputItem({ ...base, inputs: [] }), 'msg_'],
  ['taskItem', core.taskItem({ ...base, task }), 'tsk_'],
  ['workflowItem', core.workflowItem(base), 'wf_'],
  ['endOfTurn', core.endOfTurn(base), 'msg_'],
  ['hiddenContext', core.hiddenContext({ ...base, content: { a: null } }), 'msg_'],
  ['sdkHiddenContext', core.sdkHiddenContext({ ...base, content: 'x' }), 'shcx_'],
];

const thread = {
  id: 'thr_1',
  created_at: fixed.created_at,
  status: { type: 'active' as const },
  metadata: {},
  items: { data: [], has_more: false },
};
const annotation = { type: 'annotation' as const, source: { type: 'file' as const, title: 't', filename: 'f' } };

const events: ThreadStreamEvent[] = [
  core.threadCreated(thread),
  core.threadUpdated(thread),
  core.itemAdded(core.assistantMessage(fixed)),
  core.itemDone(core.assistantMessage(fixed)),
  core.itemReplaced(core.assistantMessage(fixed)),
  core.itemRemoved('x'),
  core.partAdded('x'),
  core.partAdded('x', { text: 't' }, 1),
  core.textDelta('x', 'd'),
  core.annotationAdded('x', annotation, 0),
  core.partDone('x', { text: 't', annotations: [annotation] }),
  core.widgetTextDelta('x', 'c', 'd'),
  core.widgetRootUpdated('x', card),
  core.widgetComponentUpdated('x', 'c', { type: 'Text', value: 'v' }),
  core.workflowTaskAdded('x', task, 0),
  core.workflowTaskUpdated('x', task, 0),
  core.generatedImageUpdated('x', image),
  core.generatedImageUpdated('x', image, 0.5),
  core.streamOptions({ allow_cancel: false }),
  core.progressUpdate('p'),
  core.progressUpdate('p', { icon: 'search' }),
  core.clientEffect('e'),
  core.clientEffect('e', { a: null }),
  core.errorEvent(),
  core.errorEvent({ message: 'm', allow_retry: true }),
  core.notice('info', 'm'),
  core.notice('danger', 'm', { title: 't' }),
];

describe('builders', () => {
  it.each(items)('%s makes a valid item with a fresh id and the present time', (_name, item, prefix) => {
    expect(threadItemSchema.parse(item)).toEqual(item);
    expect(toWireItem(item)).toEqual(item);
    expect(item.id).toMatch(new RegExp(`^${prefix}[0-9a-f]{24}$`));
    expect(Math.abs(Date.now() - Date.parse(item.created_at))).toBeLessThan(60_000);
    expect(Object.values(item)).not.toContain(undefined);
  });

  it('takes an id and a time', () => {
    expect(core.assistantMessage({ ...fixed, text: 'hi' })).toEqual({
      ...fixed,
      type: 'assistant_message',
      content: [{ type: 'output_text', text: 'hi', annotations: [] }],
    });
    expect(core.userMessage({ ...fixed, content: [], text: 'ignored' }).content).toEqual([]);
    expect(core.userMessage({ ...fixed, text: 'hi' }).content).toEqual([{ type: 'input_text', text: 'hi' }]);
    expect(core.userMessage(fixed).content).toEqual([]);
  });

  it('makes valid events of every type, exactly as they go over the wire', () => {
    for (const event of events) {
      expect(threadStreamEventSchema.parse(event)).toEqual(event);
      expect(toWireEvent(event)).toStrictEqual(event);
    }
    expect(new Set(events.map((event) => event.type)).size).toBe(12);
    const updates = events.flatMap((event) => (event.type === 'thread.item.updated' ? [event.update.type] : []));
    expect(new Set(updates).size).toBe(10);
  });

  it('gives an error the code that fits', () => {
    expect(core.errorEvent()).toEqual({ type: 'error', code: 'stream.error', allow_retry: false });
    expect(core.errorEvent({ message: 'm' })).toEqual({
      type: 'error',
      code: 'custom',
      message: 'm',
      allow_retry: false,
    });
  });
});

describe('createId', () => {
  it('has the prefixes of the reference and 96 random bits', () => {
    const ids = new Set(Array.from({ length: 1_000 }, () => core.createId('thread')));
    expect(ids.size).toBe(1_000);
    for (const id of ids) expect(id).toMatch(/^thr_[0-9a-f]{24}$/);
  });
});

describe('offsets', () => {
  it('are read as their grammar says', () => {
    const digits = fc.oneof(fc.stringMatching(/^\d{1,3}$/), fc.stringMatching(/^\d{14,17}$/));
    const like = fc.oneof(
      fc.stringMatching(/^[-0-9a: ]{0,20}$/),
      fc.tuple(digits, digits).map((pair) => pair.join('-')),
    );
    const written = fc.tuple(fc.nat(), fc.nat()).map(([epoch, seq]) => `${epoch}-${seq}`);
    fc.assert(
      fc.property(fc.oneof(like, written), (text) => {
        const match = /^([1-9]\d{0,14})-(\d{1,15})$/.exec(text);
        const expected = match === null ? undefined : { epoch: Number(match[1]), seq: Number(match[2]) };
        expect(core.parseOffset(text)).toEqual(expected);
      }),
    );
  });

  it('come in the order of their numbers, and as text where one has another form', () => {
    const known = fc.tuple(fc.integer({ min: 1, max: 12 }), fc.nat(12));
    const offset = fc.oneof(
      known.map(([epoch, seq]) => core.formatOffset(epoch, seq)),
      fc.constantFrom('', '1', '10', '1-', '0-1', '2-a', '2', 'a'),
    );
    const numbers = (text: string) => /^([1-9]\d*)-(\d+)$/.exec(text)?.slice(1).map(Number);
    fc.assert(
      fc.property(offset, offset, (a, b) => {
        const [left, right] = [numbers(a), numbers(b)];
        const expected =
          left && right
            ? (left[0] as number) - (right[0] as number) || (left[1] as number) - (right[1] as number)
            : Number(a > b) - Number(a < b);
        expect(Math.sign(core.compareOffsets(a, b))).toBe(Math.sign(expected));
      }),
      { numRuns: 500 },
    );
  });

  it('are written, read back and ordered', () => {
    expect(core.formatOffset(2, 17)).toBe('2-17');
    expect(core.parseOffset('2-17')).toEqual({ epoch: 2, seq: 17 });
    for (const other of ['', '2', '0-1', '2-', 'a-b', '2-1-1', '2-1\n', 'x'.repeat(129)]) {
      expect(core.parseOffset(other)).toBeUndefined();
    }
    const ordered = ['1-1', '1-2', '1-10', '2-1', '10-0'];
    expect(ordered.toReversed().toSorted(core.compareOffsets)).toEqual(ordered);
    expect(core.compareOffsets('opaque-a', 'opaque-b')).toBeLessThan(0);
  });
});
