/**
 * Checks that the events of a stream come in a legal order: an item is added, then updated, then done; `thread.created`
 * comes first; there is one `stream_options`. A tool for development and property tests, not a gate in production: the
 * reducer copes with any order. Events and updates of unknown types are skipped.
 */
import type { ThreadStreamEvent } from './event.ts';
import { emptyThreadState, reduceThread, selectItem, selectOpenItems } from './reduce-thread.ts';
import type { ThreadItemUpdate } from './update.ts';

/** A checker of one stream. */
export interface OrderChecker {
  /** Checks the next event. Returns a sentence about the first rule that it breaks, or `undefined`. */
  check(event: ThreadStreamEvent): string | undefined;
  /** To be called at the end of the stream. Returns a sentence about an item that was left open, or `undefined`. */
  end(): string | undefined;
}

/**
 * What may follow each phase of an item. `older`: the stream has not mentioned it, so it may be older than the stream.
 */
const legal = {
  older: 'added done replaced removed',
  added: 'updated done replaced removed',
  done: 'replaced removed',
  removed: '',
};

/**
 * A checker for the events of one stream. Updates, replacements and removals of items that the stream has not added are
 * legal if the item may be older than the stream: a widget after an action, a workflow that is continued.
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
    // Widgets may change after they are done, by an action; workflows may be continued by a later stream.
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
