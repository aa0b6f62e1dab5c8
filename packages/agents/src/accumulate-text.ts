/** `accumulateText()`: for a widget whose text grows as a model writes it. */
import type { WidgetComponent } from '@chatkit/core';
import { type AgentRunEvent, textField } from './agent-run.ts';

/**
 * The successive states of a `Text` or `Markdown` component: `base`, then `base` with the text so far after each delta,
 * and at the end once more with `streaming: false`. Closing the iterator closes the run.
 *
 * @example
 * const states = accumulateText(result, { type: 'Text', id: 'answer', value: '', streaming: true });
 * await context.streamWidget(pipe(states, map((text) => ({ type: 'Card', children: [text] }))));
 */
export async function* accumulateText<Component extends WidgetComponent & { value: string }>(
  run: AsyncIterable<AgentRunEvent>,
  base: Component,
): AsyncGenerator<Component, void, undefined> {
  let text = base.value;
  yield base;
  for await (const event of run) {
    // The SDK's own form of a delta: every model sends it exactly once.
    if (textField(event.data, 'type') !== 'output_text_delta') continue;
    text += textField(event.data, 'delta') ?? '';
    yield { ...base, value: text };
  }
  yield { ...base, value: text, streaming: false };
}
