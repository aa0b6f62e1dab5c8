// What a conversation keeps over lines that break and servers that die, over either transport: messages, actions, tools of the page.
import {
  type Action,
  assistantMessage,
  type ClientToolCallItem,
  clientToolCall,
  itemAdded,
  itemDone,
  partAdded,
  type ThreadItem,
  textDelta,
  type WidgetItem,
  widgetItem,
} from '@chatkit/core';
import { createMemoryLease, createMemoryLog } from '@chatkit/store/memory';
import { createScriptedNetwork, createVirtualClock, type NetworkPlan, type VirtualClock } from '@chatkit/testing';
import { openWebSocket, serveWebSocket } from '@chatkit/transport/ws';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type ChatClient, type ChatRun, createChatClient } from '../src/index.ts';
import { textOf } from './support/chat.ts';
import { ada, type LifeClock, type LifeOptions, mortalChat } from './support/mortal-chat.ts';
import { framesOf } from './support/schedulers.ts';
import { createSocketNetwork, type LineFault, powerCut } from './support/socket-network.ts';

type MortalChat = ReturnType<typeof mortalChat>;

/** How one page reaches the server. */
interface Wire<Fault> {
  fetch: typeof globalThis.fetch;
  plan(fault: Fault): void;
  mend(): void;
  /** The page is gone. */
  leave(): void;
  /** What is still open. */
  open(): number;
}

interface Transport<Fault> {
  readonly fault: fc.Arbitrary<Fault>;
  connect(chat: MortalChat, clock: VirtualClock): Wire<Fault>;
}

const overHttp: Transport<NetworkPlan> = {
  fault: fc.oneof(
    fc.record({ cutAfterBytes: fc.nat(2_500) }),
    fc.record({ stallAfterBytes: fc.nat(2_500) }),
    fc.constantFrom<NetworkPlan[]>({ status: 502 }, { status: 521 }, { loseAnswer: true }, { refuse: true }),
    fc.record({ delayMs: fc.nat(40_000) }),
  ),
  connect(chat, clock) {
    const network = createScriptedNetwork({ handler: chat.handler, clock });
    let isMended = false;
    return {
      fetch: (input, init) => (isMended ? chat.direct : network.fetch)(input, init),
      plan: network.plan,
      mend() {
        isMended = true;
      },
      leave() {},
      open: () => network.requests.filter(({ state }) => state === 'pending').length,
    };
  },
};

const overWebSocket: Transport<LineFault> = {
  fault: fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        cutAfter: fc.nat(20),
        code: fc.constantFrom(1000, 1001, 1006, 1009, 1012, 1013, 4000, 4400),
      }),
    },
    { weight: 2, arbitrary: fc.record({ hushAfter: fc.nat(20) }) },
    { weight: 2, arbitrary: fc.record({ delayMs: fc.nat(30_000) }) },
    { weight: 1, arbitrary: fc.constantFrom<LineFault[]>('refuse', 'no handshake') },
  ),
  connect(chat, clock) {
    const network = createSocketNetwork(clock, () => {
      const life = chat.life();
      return (
        life && {
          gone: life.end.signal,
          accept: (socket) => {
            const session = serveWebSocket(socket, (request) => life.server.reply(request, ada), { clock: life.clock });
            life.closers.add(session.close);
          },
        }
      );
    });
    const connection = openWebSocket('ws://chat.test/', { WebSocket: network.WebSocket });
    return {
      fetch: connection.fetch,
      plan: network.plan,
      mend: network.mend,
      leave: connection.close,
      open: () => network.open,
    };
  },
};

const tab = fc.constantFrom(0 as const, 1 as const);

const stepOf = <Fault>(fault: fc.Arbitrary<Fault>) =>
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ tab, does: fc.constantFrom('say', 'say', 'tool', 'endless') }) },
    { weight: 4, arbitrary: fc.record({ tab, does: fc.constantFrom('act', 'act', 'act at once') }) },
    { weight: 5, arbitrary: fc.record({ tab, does: fc.constantFrom('stop', 'reload', 'refresh', 'retry') }) },
    { weight: 1, arbitrary: fc.record({ tab, does: fc.constantFrom('open 0', 'open 1') }) },
    { weight: 6, arbitrary: fc.nat(80) },
    { weight: 1, arbitrary: fc.nat(40_000) },
    { weight: 1, arbitrary: fc.constant(400_000) },
    { weight: 4, arbitrary: fc.record({ tab, fault }) },
    { weight: 2, arbitrary: fc.constantFrom('kill' as const, 'power cut' as const, 'deploy' as const) },
  );

const words = (label: string): string => Array.from({ length: 6 }, (_, index) => `${label}${index} `).join('');

const cardOf = (title: string) => ({ type: 'Card', title }) as never;

/** What the application was asked to do, by whichever process. */
interface Journal {
  /** Who carried out an action: the run, or the process where it is answered at once. */
  readonly actions: Map<string, { readonly run: string | undefined; readonly by: LifeClock }[]>;
  /** Answers that are being made, by whom. */
  readonly busy: Map<object, LifeClock>;
}

/** Says six words, asks for a tool first, or never ends; does what an action says, and tells of it. */
const application =
  (journal: Journal): LifeOptions =>
  (clock, store) => {
    async function* speak(thread_id: string, label: string, signal: AbortSignal) {
      const call = {};
      journal.busy.set(call, clock);
      try {
        const item = assistantMessage({ thread_id, created_at: created() });
        yield itemAdded(item);
        yield partAdded(item.id, {}, 0);
        for (const word of words(label).match(/\S+ /g) ?? []) {
          yield textDelta(item.id, word);
          await clock.sleep(5, signal);
        }
        if (label.startsWith('endless')) await clock.sleep(100 * 60_000, signal);
        yield itemDone(assistantMessage({ id: item.id, created_at: item.created_at, thread_id, text: words(label) }));
      } finally {
        journal.busy.delete(call);
      }
    }
    const created = () => new Date(clock.now()).toISOString();
    const carryOut = (label: string, run: string | undefined) =>
      journal.actions.set(label, [...(journal.actions.get(label) ?? []), { run, by: clock }]);
    const labelIn = ({ payload }: Action) => String((payload as { label?: string } | undefined)?.label);
    return {
      clock,
      retryMs: 500,
      async *respond({ id: thread_id }, input, user, { signal }) {
        const label = textOf(input ?? undefined);
        await clock.sleep(10, signal);
        if (input === null) {
          const { data } = await store.listItems(thread_id, { limit: 100, order: 'desc' }, user);
          const call = data.find((item) => item.type === 'client_tool_call' && item.status === 'completed');
          yield* speak(thread_id, (call as ClientToolCallItem).call_id, signal);
        } else if (label.startsWith('tool'))
          yield itemDone(
            clientToolCall({ thread_id, created_at: created(), call_id: label, name: 'pick', arguments: {} }),
          );
        else if (label.startsWith('card'))
          yield itemDone(widgetItem({ thread_id, created_at: created(), widget: cardOf(label) }));
        else yield* speak(thread_id, label, signal);
      },
      async *action(thread, action, _sender, _user, { id, signal }) {
        const label = labelIn(action);
        carryOut(label, id);
        await clock.sleep(10, signal);
        yield* speak(thread.id, label, signal);
      },
      async syncAction(_thread, action, sender) {
        carryOut(labelIn(action), undefined);
        await clock.sleep(10);
        return { updated_item: { ...(sender as WidgetItem), widget: cardOf(labelIn(action)) } };
      },
    };
  };

/** Which message or action a text answers. */
const labelOf = (text: string): string => /^[a-z]+\d+\./.exec(text)?.[0] ?? '';

const lawOf = <Fault>({ fault, connect }: Transport<Fault>, isShared: boolean) =>
  fc.asyncProperty(fc.array(stepOf(fault), { maxLength: 16 }), fc.boolean(), async (steps, isKept) => {
    const clock = createVirtualClock({ startMs: 1_000_000 });
    vi.spyOn(Date, 'now').mockImplementation(clock.now);
    const journal: Journal = { actions: new Map(), busy: new Map() };
    const make = application(journal);
    const shared = isShared ? { log: createMemoryLog(), lease: createMemoryLease({ clock }) } : {};
    const disconnect = { resumable: isKept ? ('continue' as const) : { graceMs: 30_000 } };
    const chat = mortalChat((life, store) => ({ ...make(life, store), ...shared, disconnect }), clock);
    let count = 0;
    const runs: { label: string; run: ChatRun }[] = [];
    const waiting = new Set<string>();
    const ask = (what: string, request: Promise<unknown>) => {
      count += 1;
      const name = `${what} (${count})`;
      waiting.add(name);
      request.catch(() => {}).finally(() => waiting.delete(name));
    };
    const listening = new Set<unknown>();
    const wrong: string[] = [];
    const open = (fetch: typeof globalThis.fetch): ChatClient => {
      const client = createChatClient({
        url: 'http://chat.test/chatkit',
        extensions: true,
        clock,
        random: () => 0,
        connection: { floorMs: 1 },
        scheduler: framesOf(clock),
        page: {
          listen(listener) {
            listening.add(listener);
            return () => listening.delete(listener);
          },
        },
        fetch,
        async onClientTool({ callId }) {
          await clock.sleep(10);
          return `out of ${callId}`;
        },
      });
      client.subscribe(() => {
        const { items } = client.getSnapshot();
        if (new Set(items.map(({ id }) => id)).size < items.length) wrong.push('an item twice');
        for (const item of items) {
          if (item.type !== 'assistant_message') continue;
          const text = textOf(item);
          if (!words(labelOf(text)).startsWith(text) && text !== '') wrong.push(text);
        }
      });
      return client;
    };

    // Two conversations, each with something to press.
    const first = open(chat.direct);
    const threads: string[] = [];
    for (const label of ['card1000.', 'card1001.']) {
      first.newThread();
      ask(label, first.send(label).done);
      await clock.advance(100);
      threads.push(first.getSnapshot().thread?.id as string);
    }
    const show = (client: ChatClient, index: number) => ask('load', client.loadThread(threads[index] as string));
    const wires = [connect(chat, clock), connect(chat, clock)];
    const tabs = wires.map(({ fetch }) => open(fetch));
    for (const client of tabs) show(client, 0);
    await clock.advance(100);
    expect([...waiting]).toEqual([]);

    const end = (reason?: unknown) => {
      for (const [call, by] of journal.busy) if (by === chat.life()?.clock) journal.busy.delete(call);
      chat.kill(reason);
      clock.setTimeout(chat.start, 40);
    };
    const retry = (client: ChatClient) => {
      const { failedItemIds, error, thread, items } = client.getSnapshot();
      if (failedItemIds.size === 0 && (!error?.retryable || thread === undefined || items.length === 0)) return;
      ask('retry', client.retry().done);
    };
    const act = (client: ChatClient, label: string, isAtOnce: boolean) => {
      const { thread, items } = client.getSnapshot();
      const widget = items.find(({ type }) => type === 'widget')?.id;
      if (thread === undefined || widget === undefined) return;
      const action = { type: 'press', payload: { label } };
      if (isAtOnce) return ask(label, client.sendSyncAction(action, widget));
      const run = client.sendAction(action, widget);
      runs.push({ label, run });
      ask(label, run.done);
    };
    for (const what of steps) {
      if (typeof what === 'number') await clock.advance(what);
      else if (what === 'deploy') ask('deploy', chat.deploy());
      else if (what === 'kill') end();
      else if (what === 'power cut') end(powerCut);
      else if ('fault' in what) wires[what.tab]?.plan(what.fault);
      else {
        const client = tabs[what.tab] as ChatClient;
        count += 1;
        const label = `${what.does.replaceAll(' ', '')}${count}.`;
        if (what.does === 'act' || what.does === 'act at once') act(client, label, what.does !== 'act');
        else if (what.does === 'open 0' || what.does === 'open 1') show(client, Number(what.does.slice(-1)));
        else if (what.does === 'stop') ask('stop', client.stop());
        else if (what.does === 'refresh') ask('refresh', client.refresh());
        else if (what.does === 'retry') retry(client);
        else if (what.does === 'reload') {
          client.detach();
          wires[what.tab]?.leave();
          wires[what.tab] = connect(chat, clock);
          tabs[what.tab] = open((wires[what.tab] as Wire<Fault>).fetch);
          show(tabs[what.tab] as ChatClient, 0);
        } else if (client.getSnapshot().thread !== undefined) {
          const run = client.send(label);
          runs.push({ label, run });
          ask(label, run.done);
        }
      }
    }
    await clock.advance(11 * 60_000);
    // What waits for an answer without an end has none either.
    if (!steps.some((what) => Object(what).does === 'endless')) expect([...waiting]).toEqual([]);

    // All is well again. What has no end is stopped, by whoever sees it.
    for (const wire of wires) wire.mend();
    for (const client of tabs) {
      if (client.getSnapshot().thread === undefined) show(client, 0);
      else ask('refresh', client.refresh());
    }
    await clock.advance(60_000);
    for (const client of tabs) ask('stop', client.stop());
    await clock.advance(60_000);
    expect([...waiting]).toEqual([]);
    const loadAll = async (client: ChatClient) => {
      for (let page = 0; page < 10; page += 1) {
        ask('older', client.loadOlder());
        await clock.advance(10);
      }
    };
    for (const client of tabs) {
      ask('refresh', client.refresh());
      await clock.advance(100);
      await loadAll(client);
    }
    expect(wrong).toEqual([]);

    const seen = new Set(tabs.map((client) => client.getSnapshot().thread?.id));
    const stored: ThreadItem[] = [];
    for (const threadId of threads) {
      const fresh = open(chat.direct);
      ask('load', fresh.loadThread(threadId));
      await clock.advance(100);
      await loadAll(fresh);
      if (seen.has(threadId)) expect(fresh.getSnapshot().status).toBe('idle');
      const { items: kept } = fresh.getSnapshot();
      stored.push(...kept);
      for (const client of tabs) {
        const { thread, items, failedItemIds, error, pendingItemIds, streamingItemIds, connection, status } =
          client.getSnapshot();
        if (thread?.id !== threadId) continue;
        expect({ pending: pendingItemIds.size, streaming: streamingItemIds.size, connection, status }).toEqual({
          pending: 0,
          streaming: 0,
          connection: 'none',
          status: 'idle',
        });
        // What a server that died had said and not stored stays on the screen, as that was, with an error that says so.
        const known = new Set(kept.map(({ id }) => id));
        const own = items.filter(({ id }) => !failedItemIds.has(id) && (error === undefined || known.has(id)));
        if (error === undefined) expect(own).toEqual(kept);
        else expect(own.map(({ id }) => id)).toEqual(kept.map(({ id }) => id));
      }
      fresh.detach();
    }
    if (seen.size === threads.length) expect(journal.busy.size).toBe(0);
    const textsOf = (type: ThreadItem['type']) => stored.filter((item) => item.type === type).map(textOf);
    const [asked, answers] = [textsOf('user_message'), textsOf('assistant_message')];
    expect(new Set(asked).size).toBe(asked.length);
    for (const answer of answers) expect(words(labelOf(answer)).startsWith(answer)).toBe(true);
    for (const label of asked) expect(answers.filter((answer) => labelOf(answer) === label).length).toBeLessThan(2);
    for (const [label, done] of journal.actions) {
      const by = new Set(done.map(({ by }) => by));
      expect(by.size, `${label} by one process more than once`).toBe(done.length);
      // Processes that share nothing but a store cannot know; they say which run it is.
      if (isShared || done[0]?.run === undefined) expect(done, label).toHaveLength(1);
      else expect(new Set(done.map(({ run }) => run)).size, label).toBe(1);
    }
    const isShaken = steps.some((what) => what === 'kill' || what === 'power cut' || what === 'deploy');
    for (const { label, run } of runs) {
      if ((await run.done) !== 'completed') continue;
      if (label.startsWith('act')) expect(journal.actions.get(label)).toBeDefined();
      if (!label.startsWith('act')) expect(asked).toContain(label);
      const own = answers.find((answer) => labelOf(answer) === label);
      const isCut = own !== undefined && steps.includes('deploy');
      // A message that is sent again to a server that knows no more of it takes back what is behind it.
      const isOvertaken = own === undefined && (label.startsWith('act') ? isShaken : asked.at(-1) !== label);
      // A stop that comes too late for the call comes in time for its tool.
      const isStopped = label.startsWith('tool') && steps.some((what) => Object(what).does === 'stop');
      if (!isCut && !isOvertaken && !isStopped) expect(own).toBe(words(label));
    }

    // What nobody reads is stopped where that is the policy, whether a page lets go of it or is gone.
    for (const [index, client] of tabs.entries()) {
      if (isKept) break;
      ask('last', client.send('endless').done);
      await clock.advance(100);
      expect(journal.busy.size).toBe(1);
      if (index === 1) wires[index]?.leave();
      await clock.advance(0);
      client.detach();
      await clock.advance(100_000);
      expect(journal.busy.size).toBe(0);
    }
    for (const client of [first, ...tabs]) client.detach();
    for (const wire of wires) wire.leave();
    ask('close', chat.life()?.server.close({ graceMs: 0 }) as Promise<unknown>);
    await clock.advance(400_000);
    expect([...waiting]).toEqual([]);
    expect({ listening: listening.size, timers: clock.pending, open: wires.map((wire) => wire.open()) }).toEqual({
      listening: 0,
      timers: 0,
      open: [0, 0],
    });
  });

describe.each([
  ['processes that share a log and a lease', true],
  ['processes that share their store', false],
])('two tabs and %s that may die', { timeout: 120_000 }, (_, isShared) => {
  afterEach(() => {
    vi.restoreAllMocks();
  });
  const numRuns = Number(process.env['CHATKIT_RUNS'] ?? 25);

  it('over server-sent events: each token, message and action once', () =>
    fc.assert(lawOf(overHttp, isShared), { numRuns }));

  it('over WebSocket: each token, message and action once', () =>
    fc.assert(lawOf(overWebSocket, isShared), { numRuns }));
});
