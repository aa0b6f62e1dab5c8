import { readFile } from 'node:fs/promises';
import { progressUpdate } from '@chatkit/core';
import { say, scriptedResponder } from '@chatkit/testing';
import { expect, it } from 'vitest';
import { type ChatClientOptions, createChatClient, messageText } from '../src/index.ts';
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
