/**
 * One reader: a chat client of its own, the text as it comes, each word in the colour of the machine that served it, and
 * a count that would tell if one were missing or there twice.
 */
import { createChatClient } from '@chatkit/client';
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

  /** What is shown of each item, and how far. */
  const shown = new Map<string, { element: HTMLElement; length: number }>();
  const show = (): void => {
    const { items, status, connection, canStop, error: failure } = client.getSnapshot();
    const ids = new Set(items.map(({ id }) => id));
    for (const [id, { element: old }] of shown) {
      if (ids.has(id)) continue;
      old.remove();
      shown.delete(id);
    }
    for (const item of items) {
      if (item.type !== 'assistant_message' && item.type !== 'user_message') continue;
      const whole = item.content.map((each) => each.text).join('');
      let entry = shown.get(item.id);
      if (entry === undefined) {
        entry = { element: document.createElement('p'), length: 0 };
        entry.element.className = item.type === 'user_message' ? 'question' : 'answer';
        text.append(entry.element);
        shown.set(item.id, entry);
      }
      if (whole.length === entry.length) continue;
      const words = document.createElement('span');
      if (item.type === 'assistant_message' && status !== 'loading' && status !== 'idle')
        words.className = `on-${machine}`;
      words.textContent = whole.slice(entry.length);
      entry.element.append(words);
      entry.length = whole.length;
      text.scrollTop = text.scrollHeight;
    }
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
    error.textContent = failure === undefined ? '' : failure.message;
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

/** Every word carries its number, so a gap or a repeat shows in the text itself. */
const verdictOn = (answer: string): string => {
  const numbers = [...answer.matchAll(/(\d+)\.\S+ /g)].map(([, number]) => Number(number));
  const wrong = numbers.filter((number, index) => number !== index + 1).length;
  return `${numbers.length} words, ${wrong === 0 ? 'each once, in order' : `${wrong} out of order`}`;
};
