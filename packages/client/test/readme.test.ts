import { readFile } from 'node:fs/promises';
import { progressUpdate } from '@chatkit/core';
import { say, scriptedResponder } from '@chatkit/testing';
import { expect, it } from 'vitest';
import { type ChatClientOptions, type ChatSnapshot, createChatClient, messageText } from '../src/index.ts';
import { testChat } from './support/chat.ts';

const AsyncFunction = (async () => {}).constructor as new (
  ...parts: string[]
) => (...values: unknown[]) => Promise<unknown>;

it('the ten lines of the README run as they stand', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  const [, code = ''] = /## Ten lines\n\n```js\n([\s\S]*?)```/.exec(readme) ?? [];
  const { network } = testChat({ respond: scriptedResponder([progressUpdate('Thinking'), say('A way ', 'to wait.')]) });
  const lines: string[] = [];
  const create = (options: ChatClientOptions) => createChatClient({ ...options, fetch: network.fetch });
  const run = new AsyncFunction('createChatClient', 'messageText', 'console', code.replace(/^import .*$/m, ''));
  await run(create, messageText, { log: (line: string) => lines.push(line) });
  expect(network.requests[0]?.url).toBe('http://localhost:3000/chatkit');
  expect(lines).toEqual(['user_message', '… Thinking', 'assistant_message', 'A way to wait.']);
});

/** A module of the guide, with what its framework gives it. */
const moduleOf = async (framework: string, given: Record<string, unknown>, network: { fetch: typeof fetch }) => {
  const guide = await readFile(new URL('../../../docs/guides/frameworks.md', import.meta.url), 'utf8');
  const [, code = ''] =
    new RegExp(`\\*\\*${framework}\\*\\*[^\\n]*\\n\\n\`\`\`js\\n([\\s\\S]*?)\`\`\``).exec(guide) ?? [];
  const names = [...code.matchAll(/^export const (\w+)/gm)].map(([, name]) => name);
  const body = code.replaceAll(/^import .*$/gm, '').replaceAll(/^export /gm, '');
  const create = (options: ChatClientOptions) =>
    createChatClient({ ...options, url: 'http://localhost/chatkit', fetch: network.fetch });
  const parts = { createChatClient: create, ...given };
  return new Function(...Object.keys(parts), `${body}; return { ${names.join(', ')} };`)(...Object.values(parts));
};
const textsOf = ({ items }: ChatSnapshot) => items.map((item) => messageText(item));

it('the module for Vue runs as it stands: its ref has every snapshot', async () => {
  const { network } = testChat({ respond: scriptedResponder([say('Hello')]) });
  const shallowRef = (value: unknown) => ({ value });
  const { client, chat } = await moduleOf('Vue', { shallowRef }, network);
  expect(textsOf(chat.value)).toEqual([]);
  await client.send('Hi').done;
  await expect.poll(() => textsOf(chat.value)).toEqual(['Hi', 'Hello']);
});

it('the module for Svelte runs as it stands: only a reader subscribes, and is told', async () => {
  const { network } = testChat({ respond: scriptedResponder([say('Hello')]) });
  let isRead = false;
  let updates = 0;
  /** As Svelte's: subscribes with the first look from where looks are tracked. */
  const createSubscriber = (start: (update: () => void) => () => void) => {
    let isOn = false;
    return () => {
      if (!isRead || isOn) return;
      isOn = true;
      start(() => updates++);
    };
  };
  const { client, chat } = await moduleOf('Svelte 5', { createSubscriber }, network);
  expect(textsOf(chat.now)).toEqual([]);
  await client.send('Hi').done;
  expect(updates).toBe(0);
  isRead = true;
  await expect.poll(() => textsOf(chat.now)).toEqual(['Hi', 'Hello']);
  await client.send('Hi').done;
  await expect.poll(() => textsOf(chat.now)).toEqual(['Hi', 'Hello', 'Hi', 'Hello']);
  expect(updates).toBeGreaterThan(0);
});
