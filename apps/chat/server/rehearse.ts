/**
 * Answers one question to nobody before the first visitor comes. What has never run is slow the first time, here by a
 * tenth of a second, and the first question is the one that is looked at most closely.
 */
import { createMemoryStore } from '@chatkit/store/memory';
import type { Visitor } from './anonymous-user.ts';
import { Assistant, type AssistantOptions } from './assistant.ts';

/**
 * Runs a question through a server of the same make, with a store that is thrown away. Resolves when it is answered.
 */
export const rehearse = async (parts: Pick<AssistantOptions, 'agent' | 'converter'>): Promise<void> => {
  const server = new Assistant({ ...parts, store: createMemoryStore<Visitor>(), onEnd: () => {} });
  const input = { content: [{ type: 'input_text', text: 'What is this?' }] };
  const request = new Request('http://localhost/chatkit', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'chatkit-client': '1' },
    body: JSON.stringify({ type: 'threads.create', params: { input } }),
  });
  const response = await server.handle(request, { userId: 'nobody' });
  await response.text();
  await server.close();
};
