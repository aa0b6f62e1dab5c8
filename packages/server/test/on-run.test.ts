// What an application learns of its runs, for metrics and traces.
import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import {
  assistantMessage,
  CustomStreamError,
  itemAdded,
  itemDone,
  progressUpdate,
  type StreamLog,
  type ThreadMetadata,
  textDelta,
} from '@chatkit/core';
import { createMemoryLog } from '@chatkit/store/memory';
import { createVirtualClock, hang, run as runStep, say, scriptedResponder, wait } from '@chatkit/testing';
import { expect, test, vi } from 'vitest';
import type { RunBegin, RunEnd } from '../src/index.ts';
import {
  ada,
  add,
  cancel,
  create,
  eventsOf,
  framesOf,
  halfway,
  named,
  type Options,
  settle,
  testServer,
  textOf,
} from './support.ts';

/** A server, and what it has told of its runs. */
const watched = (options: Options) => {
  const begun: RunBegin[] = [];
  const ended: (RunEnd & { runId: string })[] = [];
  const t = testServer({
    onRun(run) {
      begun.push(run);
      return (end) => void ended.push({ runId: run.runId, ...end });
    },
    ...options,
  });
  return { ...t, begun, ended };
};

const begin = (thread: Pick<ThreadMetadata, 'id'>) => itemAdded(assistantMessage({ thread_id: thread.id, id: 'a' }));

test('a run is told of at its beginning and its end, with its times by the server’s clock', async () => {
  const clock = createVirtualClock();
  const t = watched({
    clock,
    respond: scriptedResponder(
      ({ thread }) => [
        wait(20),
        progressUpdate('Thinking'),
        wait(30),
        begin(thread),
        wait(50),
        textDelta('a', 'Hel'),
        textDelta('a', 'lo'),
        wait(100),
      ],
      { clock },
    ),
  });
  const response = t.send(create(), { headers: named('r') });
  await settle();
  expect(t.begun).toEqual([
    {
      runId: 'r',
      threadId: expect.stringMatching(/^thr_/),
      userId: ada.userId,
      requestType: 'threads.create',
      waitedMs: 0,
    },
  ]);
  expect(t.ended).toEqual([]);
  await clock.advance(200);
  const events = eventsOf(await framesOf(await response));
  expect(t.ended).toEqual([
    {
      runId: 'r',
      outcome: 'completed',
      cause: undefined,
      error: undefined,
      firstEventMs: 20,
      firstTextMs: 100,
      durationMs: 200,
      // Its log has the deltas one by one, its reader got them in one.
      events: events.length + 1,
      connections: 1,
      readers: 1,
    },
  ]);
});

test('an answer that comes whole is text as well, and one without an event has no first one', async () => {
  const t = watched({ respond: scriptedResponder((_, turn) => (turn === 0 ? [say('whole')] : [])) });
  await t.events(add(await t.create()));
  expect(t.ended.map(({ firstEventMs, firstTextMs }) => [typeof firstEventMs, typeof firstTextMs])).toEqual([
    ['number', 'number'],
    ['undefined', 'undefined'],
  ]);
});

test('its first event and text are respond()’s own, also where the output of a tool goes before it', async () => {
  const clock = createVirtualClock();
  const call = { type: 'client_tool_call', id: 'c', call_id: 'k', name: 'n', arguments: {} } as const;
  const asked = { ...call, status: 'pending', created_at: '2999-01-01T00:00:00Z' } as const;
  const t = watched({
    clock,
    respond: scriptedResponder(
      ({ thread }, turn) =>
        turn === 0 ? [itemDone({ ...asked, thread_id: thread.id })] : turn === 1 ? [wait(20), say('an answer')] : [],
      { clock },
    ),
  });
  const thread_id = await t.create();
  const response = t.events({ type: 'threads.add_client_tool_output', params: { thread_id, result: 1 } });
  await clock.advance(20);
  await response;
  expect(t.ended.map(({ firstEventMs, firstTextMs }) => [firstEventMs, firstTextMs])).toEqual([
    [0, undefined],
    [20, 20],
  ]);
});

test('it is told before respond() is called, so that a span can be the parent of the model’s', async () => {
  const spans = new Map<string, string>();
  const seen: unknown[] = [];
  const t = testServer({
    onRun: ({ runId }) => {
      spans.set(runId, 'span');
      return () => void spans.delete(runId);
    },
    async *respond(_thread, _input, _context, run) {
      seen.push(spans.get(run.id));
      yield progressUpdate('Thinking');
    },
  });
  await t.create();
  expect(seen).toEqual(['span']);
  expect(spans.size).toBe(0);
});

test('why a run was stopped: on request, by a newer message, because its reader left, by a deadline, by a deploy', async () => {
  const clock = createVirtualClock();
  const deadlines = { firstEventMs: 1_000 };
  const t = watched({ clock, deadlines, respond: scriptedResponder([hang()], { clock }) });
  const start = async (headers: Record<string, string>, threadId?: string) => {
    const response = await t.send(threadId === undefined ? create() : add(threadId), { headers });
    await settle();
    return response;
  };
  const asked = await start(named('asked'));
  await t.json(cancel('asked'));
  await framesOf(asked);
  const [{ threadId }] = t.begun as [RunBegin];
  await start(named('overtaken'), threadId);
  const left = await start({}, threadId);
  await left.body?.cancel();
  await settle();
  await start(named('late'));
  await clock.advance(1_000);
  await settle();
  await start(named('deployed'));
  const closed = t.server.close({ graceMs: 0 });
  await clock.advance(0);
  await closed;
  expect(t.ended.map(({ outcome, cause }) => [outcome, cause])).toEqual([
    ['cancelled', 'cancel'],
    ['cancelled', 'superseded'],
    ['cancelled', 'disconnect'],
    ['failed', 'run.first_event_timeout'],
    ['interrupted', 'shutdown'],
  ]);
});

test('what respond() threw, also if it was meant for the user', async () => {
  const refused = new CustomStreamError('Not today.');
  const gone = new Error('model gone');
  const t = watched({
    respond: scriptedResponder((_, turn) => [runStep(() => Promise.reject(turn === 0 ? refused : gone))]),
  });
  await t.events(add(await t.create()));
  expect(t.ended.map(({ outcome, cause, error }) => [outcome, cause, error])).toEqual([
    ['failed', undefined, refused],
    ['failed', undefined, gone],
  ]);
  expect(t.errors).toEqual([gone]);
});

test('a log that fails: its error, and the events that it took', async () => {
  const log = createMemoryLog();
  const full = new Error('log full');
  let taken = 0;
  const append: StreamLog['append'] = (runId, batch) => {
    if (JSON.stringify(batch).includes('"lo"')) throw full;
    taken += batch.filter((entry) => 'event' in entry).length;
    return log.append(runId, batch);
  };
  const t = watched({
    log: { ...log, append },
    respond: scriptedResponder(({ thread }) => [begin(thread), textDelta('a', 'Hel'), textDelta('a', 'lo')]),
  });
  await t.send(create(), { headers: named('r') });
  await settle();
  expect(t.ended).toEqual([expect.objectContaining({ outcome: 'failed', cause: 'log', error: full, events: taken })]);
});

/** The `onRun` of a document, as it stands there, and what else it declares. */
const documented = (path: string, declared: string, given: object = {}) => {
  const text = readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
  const [, code = ''] = /```ts\nimport type \{ OnRun \}.*\n([\s\S]*?)```/.exec(text) ?? [];
  const body = `${stripTypeScriptTypes(code.replaceAll('export ', ''))}\nreturn { onRun, ${declared} };`;
  return new Function(...Object.keys(given), body)(...Object.values(given));
};

test('the span of the README and the counters of the guide count what they say', async () => {
  const span = { setAttributes: vi.fn(), recordException: vi.fn(), end: vi.fn() };
  const startSpan = vi.fn(() => span);
  const gone = new Error('model gone');
  const fails = scriptedResponder([say('half'), runStep(() => Promise.reject(gone))]);
  const readme = documented('packages/server/README.md', '', { trace: { getTracer: () => ({ startSpan }) } });
  await testServer({ onRun: readme.onRun, respond: fails }).create();
  const attributes = expect.objectContaining({ waitedMs: expect.any(Number) });
  expect(startSpan).toHaveBeenCalledExactlyOnceWith('threads.create', { attributes });
  expect(span.setAttributes).toHaveBeenCalledExactlyOnceWith(
    expect.objectContaining({ outcome: 'failed', cause: undefined, firstTextMs: expect.any(Number), readers: 1 }),
  );
  expect(span.recordException).toHaveBeenCalledExactlyOnceWith(gone);
  expect(span.end).toHaveBeenCalledOnce();

  const guide = documented('docs/guides/deploy.md', 'runs, running: () => running');
  const t = testServer({ onRun: guide.onRun, respond: halfway() });
  const response = await t.send(create(), { headers: named('r') });
  expect(guide.running()).toBe(1);
  await t.json(cancel('r'));
  await framesOf(response);
  expect([guide.running(), ...guide.runs]).toEqual([0, ['cancelled cancel', 1]]);
});

test('a request that is refused is no run, and neither is a message that is stopped while it waits', async () => {
  const t = watched({ busy: 'queue', respond: halfway() });
  await t.json(add('thr_none'));
  await t.json(create('hi', { attachments: ['atc_none'] }));
  expect(t.begun).toEqual([]);
  const running = await t.send(create(), { headers: named('r1') });
  const [{ threadId }] = t.begun as [RunBegin];
  const waiting = framesOf(await t.send(add(threadId), { headers: named('r2') }));
  await t.json(cancel('r2'));
  await waiting;
  await t.json(cancel('r1'));
  await framesOf(running);
  expect(t.begun.map(({ runId }) => runId)).toEqual(['r1']);
  expect(t.ended.map(({ runId }) => runId)).toEqual(['r1']);
});

test('how long a message waited for its thread, and how often readers came', async () => {
  const clock = createVirtualClock();
  const t = watched({
    busy: 'queue',
    clock,
    respond: scriptedResponder([wait(500), say('an answer')], { clock }),
  });
  const first = framesOf(await t.send(create(), { headers: named('r1') }));
  const [{ threadId }] = t.begun as [RunBegin];
  const second = framesOf(await t.send(add(threadId), { headers: named('r2') }));
  const leaving = new AbortController();
  await t.attach('run=r2', { signal: leaving.signal });
  leaving.abort();
  await clock.advance(500);
  await first;
  await clock.advance(500);
  await second;
  expect(t.begun.map(({ requestType, waitedMs }) => [requestType, waitedMs])).toEqual([
    ['threads.create', 0],
    ['threads.add_user_message', 500],
  ]);
  expect(t.ended.map(({ connections, readers }) => [connections, readers])).toEqual([
    [1, 1],
    [2, 1],
  ]);
});

test.each<[string, Options['onRun'], readonly string[]]>([
  [
    'throws at the beginning',
    () => {
      throw new Error('begin');
    },
    ['begin'],
  ],
  [
    'throws at the end',
    () => () => {
      throw new Error('end');
    },
    ['end'],
  ],
  ['rejects', (async () => Promise.reject(new Error('async'))) as never, ['async']],
  ['rejects at the end', () => (async () => Promise.reject(new Error('async end'))) as never, ['async end']],
  ['never settles', (() => new Promise(() => {})) as never, []],
  ['returns nonsense', (() => 5) as never, []],
])('a function that %s harms no run, and is reported', async (_, onRun, messages) => {
  const t = testServer({ onRun, respond: scriptedResponder([say('an answer')]) });
  const id = await t.create();
  expect((await t.items(id)).map(textOf)).toEqual(['hi', 'an answer']);
  await settle();
  expect(t.errors.map((error) => (error as Error).message)).toEqual(messages);
});
