/**
 * Tells whether the events of one stream come in a legal order: an item is added, then updated, then done; the thread
 * is created first; one `stream_options`. It looks at the state that the events before have made. A tool for
 * development and for property tests, not a gate: a reducer copes with any order. Events and updates of unknown types
 * are passed over.
 */
import type { ThreadStreamEvent } from './event.ts';
import { emptyThreadState, reduceThread, selectItem, selectOpenItems } from './reduce-thread.ts';
import type { ThreadItemUpdate } from './update.ts';

/** A checker of one stream. */
export interface OrderChecker {
  /** Takes the next event. Returns a sentence that names the first rule it breaks, `undefined` when it breaks none. */
  check(event: ThreadStreamEvent): string | undefined;
  /** Takes the end of the stream: names an item that was left open. */
  end(): string | undefined;
}

/** What may follow each phase. An item that the stream has not spoken of may be older than the stream. */
const legal = {
  older: 'added done replaced removed',
  added: 'updated done replaced removed',
  done: 'replaced removed',
  removed: '',
};

/**
 * A checker for the events of one stream. Updates, replacements and removals of items that the stream has not added
 * are legal where the item may be older than the stream: a widget after an action, a workflow that goes on.
 *
 * @example
 * const checker = createOrderChecker();
 * for await (const event of events) assert.equal(checker.check(event), undefined);
 */
export const createOrderChecker = (): OrderChecker => {
  let state = emptyThreadState;
  let started = false;
  let threadId: string | undefined;
  const removed = new Set<string>();
  const finishedParts = new Set<string>();

  const phaseOf = (id: string): keyof typeof legal => {
    if (removed.has(id)) return 'removed';
    if (selectOpenItems(state).some((item) => item.id === id)) return 'added';
    return selectItem(state, id) === undefined ? 'older' : 'done';
  };

  const checkThread = (id: string): string | undefined => {
    threadId ??= id;
    return id === threadId ? undefined : `The stream is about thread ${threadId}, not ${id}.`;
  };

  const checkPhase = (kind: string, id: string): string | undefined => {
    const phase = phaseOf(id);
    if (legal[phase].includes(kind)) return undefined;
    return `Item ${id} is ${kind} ${phase === 'older' ? 'before it is added' : `after it was ${phase}`}.`;
  };

  const checkType = (id: string, type: string): string | undefined => {
    const known = selectItem(state, id)?.type ?? type;
    return known === type ? undefined : `Item ${id} is of type ${known}, not ${type}.`;
  };

  const checkUpdate = (id: string, update: ThreadItemUpdate): string | undefined => {
    const owner = /^(assistant_message|widget|workflow|generated_image)\./.exec(update.type)?.[1];
    if (owner === undefined) return undefined;
    const phase = phaseOf(id);
    // A widget changes after an action and a workflow goes on, in a later stream or when they are done.
    const late = owner === 'widget' ? phase !== 'removed' : owner === 'workflow' && phase === 'older';
    return (late ? undefined : checkPhase('updated', id)) ?? checkType(id, owner) ?? checkPart(id, update);
  };

  const checkPart = (id: string, update: ThreadItemUpdate): string | undefined => {
    const item = selectItem(state, id);
    const problem = (index: number, rule: string) => `Part ${index} of item ${id} ${rule}.`;
    if (update.type === 'workflow.task.updated' && item?.type === 'workflow') {
      const { task_index: index } = update;
      return index < item.workflow.tasks.length ? undefined : problem(index, 'is updated before it is added');
    }
    if (!('content_index' in update) || item?.type !== 'assistant_message') return undefined;
    const { type, content_index: index } = update;
    const parts = item.content.length;
    const key = `${id}/${index}`;
    if (finishedParts.has(key)) return problem(index, 'is updated after it was done');
    if (index > parts) return problem(index, `comes before part ${parts}`);
    if (type === 'assistant_message.content_part.added' && index < parts) return problem(index, 'is added twice');
    if (type === 'assistant_message.content_part.done') finishedParts.add(key);
    return undefined;
  };

  const checkEvent = (event: ThreadStreamEvent, first: boolean): string | undefined => {
    switch (event.type) {
      case 'thread.created':
        return first ? checkThread(event.thread.id) : 'thread.created is not the first event.';
      case 'thread.updated':
        return checkThread(event.thread.id);
      case 'thread.item.added':
      case 'thread.item.done':
      case 'thread.item.replaced': {
        const { type, item } = event;
        return (
          checkPhase(type.slice('thread.item.'.length), item.id) ??
          (type === 'thread.item.done' ? checkType(item.id, item.type) : undefined) ??
          checkThread(item.thread_id)
        );
      }
      case 'thread.item.removed':
        return checkPhase('removed', event.item_id);
      case 'thread.item.updated':
        return checkUpdate(event.item_id, event.update);
      case 'stream_options':
        return state.streamOptions && 'stream_options comes twice.';
      default:
        return undefined;
    }
  };

  return {
    check(event) {
      const problem = checkEvent(event, !started);
      started = true;
      if (problem === undefined) {
        if (event.type === 'thread.item.removed') removed.add(event.item_id);
        state = reduceThread(state, event);
      }
      return problem;
    },
    end() {
      const [item] = selectOpenItems(state);
      return item && `Item ${item.id} is added and never done.`;
    },
  };
};
