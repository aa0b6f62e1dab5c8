import { readFileSync } from 'node:fs';
import type { Task, ThreadStreamEvent, WorkflowItem } from '@chatkit/core';
import { emptyThreadState, reduceThread, selectItems } from '@chatkit/core';
import { createOrderChecker } from '@chatkit/core/order';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type AgentRunEvent, type HostedToolCall, ResponseStreamConverter, streamAgentResponse } from '../src/index.ts';
import { streamTextResponse } from '../src/text/index.ts';
import { collectAll, createContext, outline, raw, responses, scriptedRun, thread } from './scripted-run.ts';

const shown = () => new ResponseStreamConverter({ hostedTools: 'shown' });
const added = (item: object) => responses({ type: 'response.output_item.added', item });
const done = (item: object) => responses({ type: 'response.output_item.done', item });
const search = (id: string, action?: object) => ({ type: 'web_search_call', id, status: 'completed', action });
const mcp = (id: string, rest: object = {}) => ({ type: 'mcp_call', id, server_label: 'crm', name: 'find', ...rest });
const message = [
  added({ type: 'message', id: 'm' }),
  responses({ type: 'response.output_text.delta', item_id: 'm', content_index: 0, delta: 'Hi.' }),
  done({ type: 'message', id: 'm', content: [{ type: 'output_text', text: 'Hi.', annotations: [] }] }),
];
const completed = responses({ type: 'response.completed', response: { output: [] } });

const bridge = async (events: AgentRunEvent[], converter = shown()): Promise<ThreadStreamEvent[]> =>
  collectAll(streamAgentResponse(await createContext(), scriptedRun(events), { converter }));
const workflowsOf = (events: readonly ThreadStreamEvent[]): WorkflowItem[] =>
  selectItems(events.reduce(reduceThread, emptyThreadState)).filter((item) => item.type === 'workflow');
const tasksOf = (events: readonly ThreadStreamEvent[]): Task[] =>
  workflowsOf(events).flatMap(({ workflow }) => workflow.tasks);

describe('hosted tools', () => {
  test('of the real SDK: each is a step that runs and ends, beside the thoughts, above the answer', async () => {
    const file = new URL('./fixtures/responses-hosted-tools.json', import.meta.url);
    const { events } = JSON.parse(readFileSync(file, 'utf8')) as { events: AgentRunEvent[] };
    const told = await bridge(events);
    expect(workflowsOf(told)).toMatchObject([{ workflow: { type: 'reasoning', summary: { duration: 0 } } }]);
    const source = (url: string, title: string) => ({ type: 'url', url, title });
    expect(tasksOf(told)).toEqual([
      { type: 'thought', status_indicator: 'none', content: 'Search.' },
      {
        type: 'web_search',
        status_indicator: 'complete',
        title_query: 'tides today',
        queries: ['tides today', 'moon phase'],
        sources: [
          source('https://tides.example/today', 'tides.example'),
          source('https://moon.example/', 'moon.example'),
        ],
      },
      {
        type: 'web_search',
        status_indicator: 'complete',
        queries: [],
        sources: [source('https://tides.example/today', 'tides.example')],
      },
      {
        type: 'file',
        status_indicator: 'complete',
        title: 'harbour rules',
        sources: [{ type: 'file', title: 'harbour.pdf', filename: 'harbour.pdf' }],
      },
      { type: 'custom', status_indicator: 'complete', title: 'Code interpreter' },
      { type: 'custom', status_indicator: 'complete', title: 'harbour: list_berths' },
      { type: 'custom', status_indicator: 'none', title: 'harbour: book_berth' },
    ]);
    const loading = told.filter(
      (event) =>
        event.type === 'thread.item.updated' &&
        event.update.type === 'workflow.task.added' &&
        event.update.task.status_indicator === 'loading',
    );
    expect(loading).toHaveLength(6);
    expect(outline(told).indexOf('done workflow workflow_1')).toBeLessThan(
      outline(told).indexOf('added assistant_message m1'),
    );

    // The default is the reference's: as if they were not there.
    const without = events.filter(
      (event) =>
        !/_call|mcp_list/.test(JSON.stringify(event)) ||
        /response_done|response\.completed/.test(JSON.stringify(event)),
    );
    expect(await bridge(events, new ResponseStreamConverter())).toEqual(
      await bridge(without, new ResponseStreamConverter()),
    );
    expect(tasksOf(await bridge(events, new ResponseStreamConverter()))).toHaveLength(1);
  });

  test('open a workflow of their own where no thought has', async () => {
    const told = await bridge([added(search('a')), done(search('a', { query: 'q' })), ...message, completed]);
    expect(outline(told).slice(0, 4)).toEqual([
      'added workflow workflow_1',
      'workflow.task.updated workflow_1',
      'done workflow workflow_1',
      'added assistant_message m',
    ]);
    expect(workflowsOf(told)).toMatchObject([{ workflow: { type: 'custom', expanded: false } }]);
  });

  test('are worded, hidden, or shown alone by the hook', async () => {
    const asked: HostedToolCall[] = [];
    class Own extends ResponseStreamConverter {
      override hostedToolToTask(call: HostedToolCall): Task | undefined {
        asked.push(call);
        if (call.type === 'mcp_call') return undefined;
        return {
          type: 'custom',
          status_indicator: call.state === 'running' ? 'loading' : 'complete',
          title: 'Looking',
        };
      }
    }
    const told = await bridge(
      [added(search('a')), done(search('a')), added(mcp('b')), done(mcp('b')), completed],
      new Own(),
    );
    expect(tasksOf(told)).toEqual([{ type: 'custom', status_indicator: 'complete', title: 'Looking' }]);
    expect(asked.map(({ type, state }) => `${type} ${state}`)).toEqual([
      'web_search_call running',
      'web_search_call completed',
      'mcp_call running',
      'mcp_call completed',
    ]);
  });

  test('that never end do not look as if they still ran, and an end that comes late is told while it can be', async () => {
    const cut = await bridge([added(mcp('a')), added(search('b')), ...message, completed]);
    expect(tasksOf(cut).map(({ status_indicator }) => status_indicator)).toEqual(['none', 'none']);
    const late = await bridge([added(mcp('a')), ...message, done(mcp('a')), completed]);
    expect(tasksOf(late)).toHaveLength(1);
    const atTheEnd = await bridge([added(mcp('a')), completed]);
    expect(tasksOf(atTheEnd)).toMatchObject([{ status_indicator: 'none' }]);
  });

  test('are left alone when a tool has put another workflow in the place of theirs', async () => {
    const context = await createContext();
    const replace = () => context.startWorkflow({ type: 'custom', tasks: [], expanded: false });
    const events = [added(search('a')), replace, done(search('a')), completed];
    const told = await collectAll(streamAgentResponse(context, scriptedRun(events), { converter: shown() }));
    expect(outline(told)).toEqual(['added workflow workflow_1']);
  });

  test('may use an id again in the next response', async () => {
    const one = [raw({ type: 'response_started' }), added(mcp('x')), done(mcp('x')), completed];
    const two = [raw({ type: 'response_started' }), added(mcp('x')), completed];
    const told = await bridge([...one, ...one, ...two]);
    expect(tasksOf(told).map(({ status_indicator }) => status_indicator)).toEqual(['complete', 'complete', 'none']);
  });

  test('are over when their response is, and not only when the run is', async () => {
    const context = await createContext();
    const mark = () => context.stream({ type: 'progress_update', text: 'next' });
    const run = scriptedRun([added(mcp('a')), completed, mark, added(mcp('a')), completed]);
    const told = await collectAll(streamAgentResponse(context, run, { converter: shown() }));
    const before = told.slice(
      0,
      told.findIndex((event) => event.type === 'progress_update'),
    );
    expect(tasksOf(before).map(({ status_indicator }) => status_indicator)).toEqual(['none']);
    expect(tasksOf(told)).toHaveLength(2);
  });

  test('of the next response are told, also by their end alone, where one before left its workflow under their id', async () => {
    const context = await createContext();
    const widget = () => context.stream({ type: 'thread.item.done', item: { ...thread, type: 'widget' } as never });
    const run = scriptedRun([added(mcp('a')), widget, completed, done(mcp('a')), completed]);
    const told = await collectAll(streamAgentResponse(context, run, { converter: shown() }));
    expect(tasksOf(told).map(({ status_indicator }) => status_indicator)).toEqual(['none', 'complete']);
  });

  test.each([
    [{ status: 'failed' }, 'none'],
    [{ status: 'incomplete' }, 'none'],
    [{ error: { message: 'no' } }, 'none'],
    [{ status: 'completed', error: null }, 'complete'],
    [{}, 'complete'],
  ])('that end with %o are shown as %s', async (rest, status_indicator) => {
    expect(tasksOf(await bridge([done(mcp('a', rest)), completed]))).toMatchObject([{ status_indicator }]);
  });

  test('that have no names have one', async () => {
    const nameless = { type: 'mcp_call', id: 'a' };
    expect(tasksOf(await bridge([done(nameless), completed]))).toMatchObject([{ title: 'MCP' }]);
  });

  test('that begin again under an id whose workflow is over end as they do', async () => {
    const context = await createContext();
    const widget = () => context.stream({ type: 'thread.item.done', item: { ...thread, type: 'widget' } as never });
    const run = scriptedRun([added(mcp('a')), widget, added(mcp('a')), done(mcp('a'))]);
    const told = await collectAll(streamAgentResponse(context, run, { converter: shown() }));
    expect(tasksOf(told).map(({ status_indicator }) => status_indicator)).toEqual(['none', 'complete']);
  });

  test('of which the hook says nothing more do not look as if they still ran', async () => {
    class Running extends ResponseStreamConverter {
      override hostedToolToTask({ state }: HostedToolCall): Task | undefined {
        return state === 'running' ? { type: 'custom', status_indicator: 'loading', title: 'Runs' } : undefined;
      }
    }
    const context = await createContext();
    const mark = () => context.stream({ type: 'progress_update', text: 'now' });
    const run = scriptedRun([added(mcp('a')), done(mcp('a')), mark]);
    const told = await collectAll(streamAgentResponse(context, run, { converter: new Running() }));
    const before = told.slice(
      0,
      told.findIndex((event) => event.type === 'progress_update'),
    );
    expect(tasksOf(before)).toMatchObject([{ title: 'Runs', status_indicator: 'none' }]);
  });

  test('are all that the hook is asked about', async () => {
    const asked: string[] = [];
    class Asked extends ResponseStreamConverter {
      override hostedToolToTask({ type }: HostedToolCall): undefined {
        asked.push(type);
      }
    }
    const others = ['function_call', 'local_shell_call', 'reasoning', undefined].map((type) => ({ type, id: 'o' }));
    await bridge([...others.map(added), ...others.map(done), done(search('a')), completed], new Asked());
    expect(asked).toEqual(['web_search_call']);
  });

  test('give links that a reader may follow, and nothing else', async () => {
    const sources = [
      'javascript:alert(1)',
      'oai-weather',
      'https://a.example/x',
      'https://a.example/x',
      'http://b.example/',
      7,
      'data:text/html,x',
    ].map((url) => ({ type: 'url', url }));
    const told = await bridge([done(search('a', { query: 'q', queries: [null, ''], sources })), completed]);
    expect(tasksOf(told)).toEqual([
      {
        type: 'web_search',
        status_indicator: 'complete',
        title_query: 'q',
        queries: ['q'],
        sources: [
          { type: 'url', title: 'a.example', url: 'https://a.example/x' },
          { type: 'url', title: 'b.example', url: 'http://b.example/' },
        ],
      },
    ]);
  });

  test('are shown for a stream of the openai package as well', async () => {
    async function* source() {
      for (const { data } of [added(search('a')), done(search('a', { query: 'q' })), ...message])
        yield (data as { event: object }).event;
    }
    const told = await collectAll(streamTextResponse(thread, source(), { converter: shown() }));
    expect(tasksOf(told)).toMatchObject([{ type: 'web_search', status_indicator: 'complete', title_query: 'q' }]);
  });

  test('law: in whatever order a server tells of them, the order of events is legal and none is left running', async () => {
    const id = fc.constantFrom('a', 'b', '');
    const any = fc.oneof(
      id.map((each) => added(mcp(each))),
      id.map((each) => done(mcp(each))),
      id.map((each) => done(mcp(each, { status: 'failed' }))),
      fc.constantFrom(
        ...message,
        completed,
        added({ type: 'reasoning', id: 'r' }),
        responses({ type: 'response.reasoning_summary_text.delta', item_id: 'r', summary_index: 0, delta: 'Hm' }),
        responses({ type: 'response.reasoning_summary_text.done', item_id: 'r', summary_index: 0, text: 'Hm.' }),
        added({ type: 'image_generation_call', id: 'i' }),
        done({ type: 'image_generation_call', id: 'i', result: 'QQ==' }),
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(any, { maxLength: 20 }), async (events) => {
        const told = await bridge([...events, completed]);
        const checker = createOrderChecker();
        expect(told.map((event) => checker.check(event)).filter((each) => each !== undefined)).toEqual([]);
        expect(tasksOf(told).filter(({ status_indicator }) => status_indicator === 'loading')).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});
