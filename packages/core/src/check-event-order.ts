/**
 * Tells whether the events of one stream come in a legal order: an item is added, then updated, then done; the thread
 * is created first; one `stream_options`. A tool for development and for property tests, not a gate: a reducer copes
 * with any order. Events and updates of unknown types are passed over.
 */
import type { ThreadItemUpdate, ThreadStreamEvent } from './event.ts';
import type { ThreadItem } from './item.ts';

/** A checker of one stream. */
export interface OrderChecker {
  /** Takes the next event. Returns a sentence that names the first rule it breaks, `undefined` when it breaks none. */
  check(event: ThreadStreamEvent): string | undefined;
  /** Takes the end of the stream: names an item that was left open. */
  end(): string | undefined;
}

/** What the checker knows of an item that this stream has spoken of. */
interface Track {
  phase: 'added' | 'done' | 'removed';
  readonly type: ThreadItem['type'] | undefined;
  /** How many parts an assistant message has, or tasks a workflow. */
  parts: number;
  readonly finishedParts: Set<number>;
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
  const tracks = new Map<string, Track>();
  const seen = new Set<string>();
  let threadId: string | undefined;

  const checkThread = (id: string): string | undefined => {
    threadId ??= id;
    return id === threadId ? undefined : `The stream is about thread ${threadId}, not ${id}.`;
  };

  const checkItem = (kind: string, id: string, item?: ThreadItem): string | undefined => {
    const track = tracks.get(id);
    const problem = checkPhase(kind, id, track) ?? (kind === 'done' ? checkType(id, item?.type, track) : undefined);
    if (problem !== undefined) return problem;
    tracks.set(id, {
      phase: kind === 'replaced' ? 'done' : (kind as Track['phase']),
      type: item?.type,
      parts: countParts(item),
      finishedParts: new Set(),
    });
    return item === undefined ? undefined : checkThread(item.thread_id);
  };

  const checkUpdate = (id: string, update: ThreadItemUpdate): string | undefined => {
    const owner = /^(assistant_message|widget|workflow|generated_image)\./.exec(update.type)?.[1];
    if (owner === undefined) return undefined;
    const track = tracks.get(id);
    // A widget changes after an action and a workflow goes on, in a later stream or when they are done.
    const late = owner === 'widget' ? track?.phase !== 'removed' : owner === 'workflow' && track === undefined;
    return (
      (late ? undefined : checkPhase('updated', id, track)) ??
      checkType(id, owner, track) ??
      (track && checkPart(id, update, track))
    );
  };

  return {
    check(event) {
      const { type } = event;
      const again = seen.has(type);
      const first = seen.size === 0;
      seen.add(type);
      switch (type) {
        case 'thread.created':
          return first ? checkThread(event.thread.id) : 'thread.created is not the first event.';
        case 'thread.updated':
          return checkThread(event.thread.id);
        case 'thread.item.added':
        case 'thread.item.done':
        case 'thread.item.replaced':
          return checkItem(type.slice('thread.item.'.length), event.item.id, event.item);
        case 'thread.item.removed':
          return checkItem('removed', event.item_id);
        case 'thread.item.updated':
          return checkUpdate(event.item_id, event.update);
        case 'stream_options':
          return again ? 'stream_options comes twice.' : undefined;
        default:
          return undefined;
      }
    },
    end() {
      for (const [id, { phase }] of tracks) if (phase === 'added') return `Item ${id} is added and never done.`;
      return undefined;
    },
  };
};

const countParts = (item: ThreadItem | undefined): number =>
  item?.type === 'assistant_message' ? item.content.length : item?.type === 'workflow' ? item.workflow.tasks.length : 0;

const checkPhase = (kind: string, id: string, track: Track | undefined): string | undefined => {
  if (legal[track?.phase ?? 'older'].includes(kind)) return undefined;
  return `Item ${id} is ${kind} ${track === undefined ? 'before it is added' : `after it was ${track.phase}`}.`;
};

const checkType = (id: string, type: string | undefined, track: Track | undefined): string | undefined =>
  track === undefined || track.type === type ? undefined : `Item ${id} is of type ${track.type}, not ${type}.`;

const checkPart = (id: string, update: ThreadItemUpdate, track: Track): string | undefined => {
  const problem = (index: number, rule: string) => `Part ${index} of item ${id} ${rule}.`;
  if (update.type === 'workflow.task.added') track.parts += 1;
  else if (update.type === 'workflow.task.updated') {
    if (update.task_index >= track.parts) return problem(update.task_index, 'is updated before it is added');
  } else if ('content_index' in update) {
    const { type, content_index: index } = update;
    if (track.finishedParts.has(index)) return problem(index, 'is updated after it was done');
    if (index > track.parts) return problem(index, `comes before part ${track.parts}`);
    if (type === 'assistant_message.content_part.added' && index < track.parts) return problem(index, 'is added twice');
    if (type === 'assistant_message.content_part.done') track.finishedParts.add(index);
    track.parts = Math.max(track.parts, index + 1);
  }
  return undefined;
};
