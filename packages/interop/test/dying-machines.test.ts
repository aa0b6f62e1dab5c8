// A page of another protocol, and the machine that answers it dies: the page must not take half an answer for a whole
// one.
import { HttpAgent } from '@ag-ui/client';
import { DefaultChatTransport, type UIMessage } from 'ai';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { wordsOf } from '../../../apps/cluster/server/writer.ts';
import { type Nodes, places, startNodes } from '../../../test/cluster/nodes.ts';
import { patienceMs, until, within } from '../../../test/cluster/requests.ts';
import { createAgUiHandler } from '../src/ag-ui/index.ts';
import { createUiMessageHandler } from '../src/ui-message/index.ts';
import { ChatPage } from './chat-page.ts';

const cut = 'The answer was interrupted.';

/** The log of a file writes twice in that time. */
const wordsInLog = 40;

describe.each(places.filter((place) => place !== 'postgres'))(
  'a page of another protocol, over %s',
  { timeout: 4 * patienceMs },
  (runsIn) => {
    let nodes: Nodes;
    beforeAll(async () => {
      nodes = await startNodes({ names: ['a', 'b'], runsIn, leaseMs: 3_000, graceMs: 0 });
    }, patienceMs);
    afterAll(() => nodes?.close());
    afterEach(async () => {
      if (!nodes.node('a').isRunning()) await nodes.node('a').start();
    });

    /** The front of one machine, which is lost with it. */
    const frontOf = (name: string) => {
      const server = {
        handle: (request: Request) => {
          const { search } = new URL(request.url);
          return fetch(new Request(`${nodes.url(name)}${search}`, request));
        },
      };
      return { chat: createUiMessageHandler(server, { graceMs: 1_000 }), agUi: createAgUiHandler(server) };
    };

    /** A page, which talks to `a` until it is told otherwise. */
    const openPage = (id: string, messages: UIMessage[] = []) => {
      let front = frontOf('a');
      const page = new ChatPage({
        id,
        messages,
        transport: new DefaultChatTransport({
          api: 'http://chat.invalid/api/chat',
          fetch: ((url: string, init: RequestInit) => front.chat(new Request(url, init), undefined)) as typeof fetch,
        }),
        onError() {},
      });
      return {
        page,
        text: () => textOf(page.messages.at(-1)),
        goTo: (name: string) => {
          front = frontOf(name);
        },
        stop: async () => {
          const json = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' };
          await front.chat(new Request(`http://chat.invalid/api/chat/${id}/stop`, json), undefined);
        },
        history: async () =>
          (await (await front.chat(new Request(`http://chat.invalid/?id=${id}`), undefined)).json()) as UIMessage[],
      };
    };

    /** The page of a long answer that `a` is in the middle of. */
    const answering = async () => {
      const { page, ...rest } = openPage(crypto.randomUUID());
      const sent = page.sendMessage({ text: 'Write 5000 words.' });
      await until('words in the log', () => rest.text().split(' ').length > wordsInLog);
      return { page, sent, ...rest };
    };

    /** What every such page must be able to do next. */
    const expectRegenerates = async ({ page, text, stop }: Awaited<ReturnType<typeof answering>>) => {
      const before = text();
      expect(page.status).toBe('error');
      expect(page.messages).toHaveLength(2);
      expect(wordsOf(5_000).startsWith(before)).toBe(true);
      const regenerated = page.regenerate();
      await until('words anew', () => page.status === 'streaming' && text().split(' ').length > 3);
      expect(page.messages).toHaveLength(2);
      await stop();
      await within('the end', regenerated, patienceMs);
    };

    test('kill -9, and the page comes back before anybody knows: it is told, keeps the text, and may ask again', async () => {
      const opened = await answering();
      await nodes.node('a').kill();
      await within('the cut', opened.sent, patienceMs);
      expect(opened.page.status).toBe('error');
      opened.goTo('b');
      await within('the end', opened.page.resumeStream(), patienceMs);
      expect(opened.page.error?.message).toBe(cut);
      await expectRegenerates(opened);
    });

    test('kill -9, and the page comes back when the run has been ended by another machine', async () => {
      const opened = await answering();
      await nodes.node('a').kill();
      await within('the cut', opened.sent, patienceMs);
      opened.goTo('b');
      await until('the end of the run', async () => (await opened.history()).length === 2);
      await within('the end', opened.page.resumeStream(), patienceMs);
      expect(opened.page.error?.message).toBe(cut);
      // So does a page that is loaded by then.
      const later = openPage(opened.page.id, await opened.history());
      later.goTo('b');
      await within('the end', later.page.resumeStream(), patienceMs);
      expect(later.page.error?.message).toBe(cut);
      expect(later.page.messages.map(({ id }) => id)).toEqual((await opened.history()).map(({ id }) => id));
      await expectRegenerates(opened);
      // The cut answer is gone, and nobody is told of it again.
      const afterwards = openPage(opened.page.id, await opened.history());
      afterwards.goTo('b');
      await within('the end', afterwards.page.resumeStream(), patienceMs);
      expect(afterwards.page.status).toBe('ready');
    });

    test('a deploy: the page is told that its answer is not whole', async () => {
      const opened = await answering();
      await within('the machine', nodes.node('a').leave(), patienceMs);
      await within('the end', opened.sent, patienceMs);
      expect(opened.page.error?.message).toBe(cut);
      opened.goTo('b');
      await expectRegenerates(opened);
    });

    test.each(['kill', 'leave'] as const)('AG-UI, %s: a run that ends so has failed', async (how) => {
      const [threadId, runId] = [crypto.randomUUID(), crypto.randomUUID()];
      const message = { id: 'm1', role: 'user' as const, content: 'Write 5000 words.' };
      let onA = '';
      const body = JSON.stringify({ threadId, runId, messages: [message] });
      const headers = { 'content-type': 'application/json' };
      const response = await frontOf('a').agUi(
        new Request('http://agent.invalid/', { method: 'POST', headers, body }),
        undefined,
      );
      const readOnA = (async () => {
        for await (const chunk of response.body ?? []) onA += new TextDecoder().decode(chunk);
      })();
      readOnA.catch(() => {});
      await until('words on a', () => onA.split('TEXT_MESSAGE_CONTENT').length > wordsInLog);

      // The same request again: the run is read from another machine.
      let onB = '';
      const failures: string[] = [];
      const { agUi } = frontOf('b');
      const agent = new HttpAgent({
        url: 'http://agent.invalid/',
        threadId,
        fetch: ((url: unknown, init?: RequestInit) => agUi(new Request(String(url), init), undefined)) as never,
      });
      agent.addMessage(message);
      agent.subscribe({
        onTextMessageContentEvent: ({ event }) => {
          onB += event.delta;
        },
        onRunErrorEvent: ({ event }) => {
          failures.push(event.message);
        },
      });
      const readOnB = agent.runAgent({ runId }).catch(() => {});
      await until('words on b', () => onB.split(' ').length > wordsInLog);
      await nodes.node('a')[how]();
      await within('the end on b', readOnB, patienceMs);
      expect(failures).toEqual([cut]);
      expect(wordsOf(5_000).startsWith(onB)).toBe(true);
      if (how === 'kill') return expect(readOnA).rejects.toThrow();
      await within('the end on a', readOnA, patienceMs);
      expect(onA).toMatch(new RegExp(`"type":"RUN_ERROR","message":"${cut}"[^\\n]*\\n\\n$`));
    });
  },
);

const textOf = (message: UIMessage | undefined): string =>
  message?.role !== 'assistant'
    ? ''
    : message.parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('');
