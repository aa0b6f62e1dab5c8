import type { WidgetRoot } from '@chatkit/core';
import { describe, expect, test } from 'vitest';
import { type AgentRun, streamAgentResponse } from '../src/index.ts';
import { collectAll, createContext, outline, scriptedRun } from './scripted-run.ts';

const card = (value: string, streaming?: boolean): WidgetRoot => ({
  type: 'Card',
  children: [{ type: 'Text', id: 'text', value, ...(streaming === undefined ? {} : { streaming }) }],
});

/** A run in which a tool shows a widget and waits until it is shown. */
const runShowing = (show: () => Promise<void>): AgentRun => ({
  async *[Symbol.asyncIterator]() {
    await show();
    yield { type: 'agent_updated_stream_event' };
  },
});

describe('a tool that shows a widget', () => {
  test('one state is one finished item', async () => {
    const context = await createContext();
    const run = runShowing(() => context.streamWidget(card('Hi'), { copyText: 'Hi' }));
    const events = await collectAll(streamAgentResponse(context, run));
    expect(outline(events)).toEqual(['done widget message_1']);
    expect(events[0]).toMatchObject({ item: { widget: card('Hi'), copy_text: 'Hi' } });
  });

  test('text that grows is sent as deltas', async () => {
    const context = await createContext();
    const states = async function* () {
      yield card('', true);
      yield card('Hello', true);
      yield card('Hello, world', false);
    };
    const events = await collectAll(
      streamAgentResponse(
        context,
        runShowing(() => context.streamWidget(states())),
      ),
    );
    expect(outline(events)[0]).toBe('added widget message_1');
    expect(events[1]).toMatchObject({
      update: { type: 'widget.streaming_text.value_delta', component_id: 'text', delta: 'Hello', done: false },
    });
    expect(outline(events).at(-1)).toBe('done widget message_1');
    expect(events.at(-1)).toMatchObject({ item: { widget: card('Hello, world', false) } });
  });

  test('text that is another one replaces the widget', async () => {
    const context = await createContext();
    const states = async function* () {
      yield card('one');
      yield card('two');
    };
    const events = await collectAll(
      streamAgentResponse(
        context,
        runShowing(() => context.streamWidget(states())),
      ),
    );
    expect(outline(events)).toEqual([
      'added widget message_1',
      'widget.root.updated message_1',
      'done widget message_1',
    ]);
  });

  test('what a tool says before the run is read comes first', async () => {
    const context = await createContext();
    context.stream({ type: 'progress_update', text: 'Looking…' });
    const run = scriptedRun([() => context.stream({ type: 'progress_update', text: 'Reading…' })]);
    const events = await collectAll(streamAgentResponse(context, run));
    expect(events).toEqual([
      { type: 'progress_update', text: 'Looking…' },
      { type: 'progress_update', text: 'Reading…' },
    ]);
  });

  test('its events arrive before the model has said anything', async () => {
    const context = await createContext();
    let release = () => {};
    const silent: AgentRun = {
      async *[Symbol.asyncIterator]() {
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        yield { type: 'agent_updated_stream_event' };
      },
    };
    const events = streamAgentResponse(context, silent);
    const first = events.next();
    context.stream({ type: 'progress_update', text: 'Looking…' });
    expect(await first).toMatchObject({ value: { text: 'Looking…' } });
    const end = events.next();
    release();
    expect(await end).toMatchObject({ done: true });
  });
});
