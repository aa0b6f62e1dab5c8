import { expect, it } from 'vitest';
import { assistantMessage, endOfTurn, hiddenContext, messageText, type ThreadItem, userMessage } from '../src/index.ts';

const base = { thread_id: 'thr_1' };

it('what a message says is its parts, tags by their names', () => {
  const tag = { type: 'input_tag' as const, id: 't', text: '@ada', data: {}, interactive: false };
  const content = [{ type: 'input_text' as const, text: 'Ask ' }, tag];
  expect(messageText(userMessage({ ...base, content }))).toBe('Ask @ada');
  expect(messageText(assistantMessage({ ...base, text: 'Yes.' }))).toBe('Yes.');
  expect(messageText(assistantMessage(base))).toBe('');
});

it('what is no message says nothing', () => {
  for (const item of [endOfTurn(base), hiddenContext({ ...base, content: 'x' }), null, undefined]) {
    expect(messageText(item)).toBeUndefined();
  }
});

it('a message of a server that forgot its content or a part does not break a page', () => {
  expect(messageText({ ...base, id: 'm', type: 'assistant_message' } as unknown as ThreadItem)).toBeUndefined();
  const holes = [null, { type: 'output_text' }, { type: 'output_text', text: 'x' }];
  expect(messageText({ ...assistantMessage(base), content: holes } as unknown as ThreadItem)).toBe('x');
});
