// Updates that add to an item (a task, a word, a piece of a widget's text) are not the same when they come twice. A client
// that resumes or reloads in the middle of them must see what one that was there all along sees.
import {
  assistantMessage,
  itemAdded,
  itemDone,
  progressUpdate,
  type ThreadStreamEvent,
  textDelta,
  workflowItem,
  workflowTaskAdded,
  workflowTaskUpdated,
} from '@chatkit/core';
import { createVirtualClock } from '@chatkit/testing';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { ChatClient } from '../src/index.ts';
import { testChat } from './support/chat.ts';
import { atOnce } from './support/schedulers.ts';

/** When items are made, which is how a store orders them; messages of the user come at full minutes. */
const minutes = { earlier: '2026-01-01T00:00', later: '2026-01-01T00:01' };
const task = (title: string) => ({ type: 'custom', status_indicator: 'none', title }) as const;
const items = (thread_id: string, of: 'earlier' | 'later') => {
  const about = (second: number) => ({ thread_id, created_at: `${minutes[of]}:${second}Z` });
  return {
    workflow: workflowItem({ ...about(30), id: `workflow ${of}`, type: 'custom', tasks: [task('plan')] }),
    message: assistantMessage({ ...about(40), id: `message ${of}`, text: 'so ' }),
  };
};

/** One thing that an application does to an item of this turn or of the one before. */
type Deed =
  | { do: 'add task' | 'update task' | 'say'; of: 'earlier' | 'later'; at: number }
  | { do: 'finish'; what: 'workflow' | 'message' }
  | { do: 'pause' };

const of = fc.constantFrom('earlier' as const, 'later' as const);
const deed: fc.Arbitrary<Deed> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('add task', 'update task', 'say'), of, at: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('finish'), what: fc.constantFrom('workflow', 'message') }) },
  { weight: 2, arbitrary: fc.constant({ do: 'pause' }) },
) as fc.Arbitrary<Deed>;

const eventOf = (deed: Deed, threadId: string, at: number): ThreadStreamEvent => {
  switch (deed.do) {
    case 'add task':
      return workflowTaskAdded(`workflow ${deed.of}`, task(`task ${at}`), deed.at);
    case 'update task':
      return workflowTaskUpdated(`workflow ${deed.of}`, task(`changed ${at}`), deed.at);
    case 'say':
      return textDelta(`message ${deed.of}`, `word${at} `);
    case 'finish':
      return itemDone(items(threadId, 'later')[deed.what]);
    case 'pause':
      return progressUpdate(`step ${at}`);
  }
};

const shownBy = (client: ChatClient) => client.getSnapshot().items;

it('one that reloads or is cut off in the middle of a turn that changes items old and new, and one that comes after it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(deed, { maxLength: 12 }), fc.array(deed, { maxLength: 6 }), async (before, after) => {
      const clock = createVirtualClock({ startMs: 1_000_000 });
      let go = () => {};
      const gone = new Promise<void>((resolve) => {
        go = resolve;
      });
      let minute = 0;
      const chat = testChat({
        clock,
        now: () => Date.parse('2026-01-01T00:00:00Z') + minute * 60_000,
        async *respond(thread, input) {
          if (!JSON.stringify(input).includes('go on')) {
            const { workflow, message } = items(thread.id, 'earlier');
            yield itemDone(workflow);
            yield itemDone(message);
            return;
          }
          const { workflow, message } = items(thread.id, 'later');
          yield itemAdded(workflow);
          yield itemAdded(message);
          for (const [at, each] of before.entries()) yield eventOf(each, thread.id, at);
          await gone;
          for (const [at, each] of after.entries()) yield eventOf(each, thread.id, 100 + at);
        },
      });
      const quiet = { clock, random: () => 0, scheduler: atOnce };
      const live = chat.client(quiet);
      live.send('begin');
      await clock.advance(100);
      minute = 1;
      live.send('go on');
      await clock.advance(100);
      // Its connection is its own: the network that breaks is that of the one who asked.
      const reloaded = chat.client({ ...quiet, fetch: chat.direct });
      const loaded = reloaded.loadThread(live.getSnapshot().thread?.id ?? '');
      await clock.advance(1_000);
      await loaded;
      expect(shownBy(reloaded)).toEqual(shownBy(live));
      const requests = chat.network.requests.length;
      chat.network.offline();
      await clock.advance(50);
      chat.network.online();
      go();
      await clock.advance(10_000);
      // It has resumed from where it was.
      expect(chat.network.requests.slice(requests).map(({ method }) => method)).toContain('GET');
      expect(shownBy(reloaded)).toEqual(shownBy(live));
      const late = chat.client(quiet);
      const loadedLate = late.loadThread(live.getSnapshot().thread?.id ?? '');
      await clock.advance(1_000);
      await loadedLate;
      expect(shownBy(late)).toEqual(shownBy(live));
      for (const client of [live, reloaded, late]) client.detach();
    }),
    { numRuns: 50 },
  );
});
