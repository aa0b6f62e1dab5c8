/** A turn with everything in it that can be half done when somebody stops it. */
import {
  assistantMessage,
  clientToolCall,
  generatedImageItem,
  generatedImageUpdated,
  hiddenContext,
  itemAdded,
  itemDone,
  itemReplaced,
  progressUpdate,
  type Task,
  type ThreadStreamEvent,
  taskItem,
  textDelta,
  type WidgetRoot,
  widgetItem,
  widgetRootUpdated,
  widgetTextDelta,
  workflowItem,
  workflowTaskAdded,
  workflowTaskUpdated,
} from '@chatkit/core';

const thought = (content: string, status_indicator: 'loading' | 'complete'): Task => ({
  type: 'thought',
  content,
  status_indicator,
});
const search = (status_indicator: 'loading' | 'complete'): Task => ({
  type: 'web_search',
  title: 'Searching',
  status_indicator,
  queries: [],
  sources: [],
});
const card = (value: string): WidgetRoot => ({
  type: 'Card',
  children: [{ type: 'Text', id: 'words', value, streaming: true }],
});

/** Thoughts, a search, an answer in two parts, a widget, an image, a hidden note, and a tool of the page that waits. */
export const richTurn = (threadId: string): ThreadStreamEvent[] => {
  const base = { thread_id: threadId };
  const tasks = [thought('hm, yes', 'complete'), search('complete')];
  return [
    progressUpdate('Thinking'),
    itemAdded(workflowItem({ ...base, id: 'wf', type: 'reasoning' })),
    workflowTaskAdded('wf', thought('hm', 'loading'), 0),
    workflowTaskUpdated('wf', thought('hm, yes', 'complete'), 0),
    workflowTaskAdded('wf', search('loading'), 1),
    workflowTaskUpdated('wf', search('complete'), 1),
    itemDone(workflowItem({ ...base, id: 'wf', type: 'reasoning', tasks })),
    itemAdded(taskItem({ ...base, id: 'task', task: search('loading') })),
    itemDone(taskItem({ ...base, id: 'task', task: search('complete') })),
    itemDone(hiddenContext({ ...base, id: 'hidden', content: 'for the model' })),
    itemAdded(assistantMessage({ ...base, id: 'a' })),
    textDelta('a', 'Hel'),
    itemAdded(widgetItem({ ...base, id: 'w', widget: card('') })),
    textDelta('a', 'lo'),
    widgetTextDelta('w', 'words', 'so '),
    widgetTextDelta('w', 'words', 'far', true),
    widgetRootUpdated('w', card('so far, so good')),
    itemDone(assistantMessage({ ...base, id: 'a', text: 'Hello' })),
    itemDone(widgetItem({ ...base, id: 'w', widget: card('so far, so good') })),
    itemReplaced(widgetItem({ ...base, id: 'w', widget: card('better') })),
    itemAdded(generatedImageItem({ ...base, id: 'img' })),
    generatedImageUpdated('img', { id: 'i', url: 'https://images.example/half' }, 0.5),
    itemDone(generatedImageItem({ ...base, id: 'img', image: { id: 'i', url: 'https://images.example/whole' } })),
    itemAdded(assistantMessage({ ...base, id: 'b' })),
    textDelta('b', 'and'),
    itemDone(assistantMessage({ ...base, id: 'b', text: 'and more' })),
    itemDone(clientToolCall({ ...base, id: 'tool', call_id: 'call', name: 'page_tool', arguments: {} })),
  ];
};
