/**
 * One reader: a chat client of its own, the text as it comes, each word in the colour of the machine that served it,
 * and a count that would tell if one were missing or there twice.
 */
import { createChatClient } from '@chatkit/client';
import type { ThreadItem } from '@chatkit/core';
import { fromTemplate, part } from './part.ts';

export interface Reader {
  readonly name: string;
  readonly element: HTMLElement;
  /** The machine that its stream comes from. */
  servedBy(): string | undefined;
  threadId(): string | undefined;
  /** Whether its own question is being answered. */
  isAnswered(): boolean;
  /** The number of the newest question that it has asked or follows. */
  asked(): number;
  /** Shows a thread and follows its answer. */
  followTo(threadId: string, question: number): void;
}

let questions = 0;

export const createReader = (name: string, onChange: () => void): Reader => {
  const element = fromTemplate('reader');
  const [served, text, error, count] = ['.served', '.text', '.error', '.count'].map((each) => part(element, each)) as [
    HTMLElement,
    HTMLElement,
    HTMLElement,
    HTMLElement,
  ];
  const stop = part<HTMLButtonElement>(element, '.stop');
  const ask = part<HTMLButtonElement>(element, '.ask');
  part(element, 'h2').textContent = name;

  let machine: string | undefined;
  let asked = 0;
  let leads = false;

  const client = createChatClient({
    url: '/chatkit',
    extensions: true,
    connection: { baseMs: 200, floorMs: 50, heartbeatMs: 2_000 },
    async fetch(input, init) {
      const response = await fetch(input, init);
      if (response.headers.get('content-type')?.startsWith('text/event-stream')) {
        machine = response.headers.get('x-machine') ?? undefined;
      }
      return response;
    },
  });

  /** What is shown of each item, how far, and by which machine and when the last words came. */
  const shown = new Map<string, { element: HTMLElement; length: number; by?: string | undefined; at: number }>();
  /** `isLive`: the words come over a stream, and not with the thread. */
  const showItems = (items: readonly ThreadItem[], isLive: boolean): void => {
    const ids = new Set(items.map(({ id }) => id));
    for (const [id, { element: old }] of shown) {
      if (ids.has(id)) continue;
      old.remove();
      shown.delete(id);
    }
    for (const item of items) {
      if (item.type !== 'assistant_message' && item.type !== 'user_message') continue;
      const whole = item.content.map((each) => each.text).join('');
      const entry = shown.get(item.id) ?? { element: document.createElement('p'), length: 0, at: 0 };
      if (!shown.has(item.id)) {
        entry.element.className = item.type === 'user_message' ? 'question' : 'answer';
        text.append(entry.element);
        shown.set(item.id, entry);
      }
      if (whole.length === entry.length) continue;
      if (whole.length < entry.length) takeBack(entry.element, entry.length - whole.length);
      const words = document.createElement('span');
      const now = performance.now();
      if (item.type === 'assistant_message' && isLive) {
        words.className = `on-${machine}`;
        if (entry.by !== undefined && entry.by !== machine) entry.element.append(seam(machine, now - entry.at));
        Object.assign(entry, { by: machine, at: now });
      }
      words.textContent = whole.slice(entry.length);
      entry.element.append(words);
      entry.length = whole.length;
      text.scrollTop = text.scrollHeight;
    }
  };
  const show = (): void => {
    const { items, status, connection, canStop, error: failure } = client.getSnapshot();
    if (status !== 'loading') showItems(items, status !== 'idle');
    const isActive = status === 'streaming' || status === 'submitting' || status === 'stopping';
    const isDown = connection === 'reconnecting';
    element.classList.toggle('active', isActive);
    served.className = `served${isActive && !isDown ? ` on-${machine}` : ''}`;
    served.textContent = !isActive
      ? ''
      : isDown
        ? 'looking for another machine…'
        : machine
          ? `served by ${machine.toUpperCase()}`
          : '';
    stop.hidden = !canStop;
    ask.textContent = isActive ? 'Ask again, now' : 'Ask for 150 words';
    const sentence = failure === undefined ? '' : (sentences[failure.code] ?? failure.message);
    if (sentence !== error.textContent) {
      error.textContent = sentence;
      text.scrollTop = text.scrollHeight;
    }
    const answer = items.findLast((item) => item.type === 'assistant_message');
    count.textContent =
      answer?.type === 'assistant_message' ? verdictOn(answer.content.map((each) => each.text).join('')) : '';
    onChange();
  };

  client.subscribe(show);
  ask.addEventListener('click', () => {
    questions += 1;
    asked = questions;
    leads = true;
    client.send('Write 150 words.');
  });
  stop.addEventListener('click', () => void client.stop().catch(() => {}));
  queueMicrotask(show);

  return {
    name,
    element,
    servedBy: () => (client.getSnapshot().status === 'streaming' ? machine : undefined),
    threadId: () => client.getSnapshot().thread?.id,
    isAnswered: () => leads && client.getSnapshot().status === 'streaming',
    asked: () => asked,
    followTo(threadId, question) {
      if (client.getSnapshot().status !== 'idle') return;
      asked = question;
      leads = false;
      void client.loadThread(threadId).catch(() => {});
    },
  };
};

/** What a machine had served of its own answer and not yet kept, when it was killed, is in no other one's. */
const takeBack = (answer: HTMLElement, letters: number): void => {
  for (let left = letters; left > 0; ) {
    const last = [...answer.querySelectorAll('span')].at(-1);
    const text = last?.textContent ?? '';
    if (last === undefined) return;
    if (text.length > left) last.textContent = text.slice(0, -left);
    else last.remove();
    left -= text.length;
  }
};

/** Where another machine goes on, and how long nothing came. */
const seam = (machine: string | undefined, gapMs: number): HTMLElement => {
  const mark = document.createElement('b');
  mark.className = `seam on-${machine}`;
  mark.textContent = `${machine?.toUpperCase()} goes on after ${(gapMs / 1_000).toFixed(1)} s`;
  return mark;
};

/** What errors mean here. */
const sentences: Record<string, string> = {
  'run.interrupted': 'The machine that wrote this is gone. What it had written is kept; another one wrote this end.',
};

/** Every word carries its number, so a gap or a repeat shows in the text itself. */
const verdictOn = (answer: string): string => {
  const numbers = [...answer.matchAll(/(\d+)\.\S+ /g)].map(([, number]) => Number(number));
  const wrong = numbers.filter((number, index) => number !== index + 1).length;
  return `${numbers.length} words, ${wrong === 0 ? 'each once, in order' : `${wrong} out of order`}`;
};
