/**
 * Tells whether the events of one stream come in a legal order: an item is added, then updated, then done; the thread
 * is created first; one `stream_options`. A tool for development and for property tests, not a gate: a reducer copes
 * with any order. Events and updates of unknown types are passed over.
 */
import type { ThreadItemUpdate, ThreadStreamEvent } from './event.ts';
import type { ThreadItem } from './item.ts';

/** What the checker knows of an item that this stream has spoken of. */
interface Track {
  readonly type: ThreadItem['type'];
  /** Parts of an assistant message, or tasks of a workflow. */
  readonly parts: ReadonlySet<number>;
  readonly finishedParts: ReadonlySet<number>;
  readonly phase: 'open' | 'settled' | 'removed';
}

/** A checker of one stream. */
export interface OrderChecker {
  /** Takes the next event. Returns a sentence that names the first rule it breaks, `undefined` when it breaks none. */
  check(event: ThreadStreamEvent): string | undefined;
  /** Takes the end of the stream: names an item that was left open. */
  end(): string | undefined;
}

const nothing: ReadonlySet<number> = new Set();

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
  let events = 0;
  let options = false;
  let threadId: string | undefined;

  const checkThread = (id: string): string | undefined => {
    if (threadId !== undefined && id !== threadId) return `The stream is about thread ${threadId}, not ${id}.`;
    threadId = id;
    return undefined;
  };

  const checkItem = (kind: 'added' | 'done' | 'replaced', item: ThreadItem): string | undefined => {
    const track = tracks.get(item.id);
    const problem = checkThread(item.thread_id) ?? transition(kind, item, track);
    if (problem !== undefined) return problem;
    tracks.set(item.id, {
      type: item.type,
      parts: new Set(
        item.type === 'assistant_message'
          ? item.content.keys()
          : item.type === 'workflow'
            ? item.workflow.tasks.keys()
            : [],
      ),
      finishedParts: nothing,
      phase: kind === 'added' ? 'open' : 'settled',
    });
    return undefined;
  };

  const checkUpdate = (id: string, update: ThreadItemUpdate): string | undefined => {
    const owner = owners.find(([prefix]) => update.type.startsWith(prefix))?.[1];
    if (owner === undefined) return undefined;
    const track = tracks.get(id);
    if (track === undefined) {
      return owner === 'widget' || owner === 'workflow'
        ? undefined
        : `Item ${id} gets ${update.type} before thread.item.added.`;
    }
    if (track.phase === 'removed') return `Item ${id} gets ${update.type} after it was removed.`;
    if (track.type !== owner) return `Item ${id} is of type ${track.type} and gets ${update.type}.`;
    if (track.phase === 'settled' && owner !== 'widget') return `Item ${id} gets ${update.type} after it was done.`;
    const next = partRules(id, track, update);
    if (typeof next === 'string') return next;
    tracks.set(id, next);
    return undefined;
  };

  const checkEvent = (event: ThreadStreamEvent): string | undefined => {
    switch (event.type) {
      case 'thread.created':
        return events > 1 ? 'thread.created is not the first event.' : checkThread(event.thread.id);
      case 'thread.updated':
        return checkThread(event.thread.id);
      case 'thread.item.added':
        return checkItem('added', event.item);
      case 'thread.item.done':
        return checkItem('done', event.item);
      case 'thread.item.replaced':
        return checkItem('replaced', event.item);
      case 'thread.item.updated':
        return checkUpdate(event.item_id, event.update);
      case 'thread.item.removed': {
        const track = tracks.get(event.item_id);
        if (track?.phase === 'removed') return `Item ${event.item_id} is removed twice.`;
        const { type = 'end_of_turn' } = track ?? {};
        tracks.set(event.item_id, { type, parts: nothing, finishedParts: nothing, phase: 'removed' });
        return undefined;
      }
      case 'stream_options':
        if (options) return 'stream_options comes twice.';
        options = true;
        return undefined;
      default:
        return undefined;
    }
  };

  return {
    check(event) {
      events += 1;
      return checkEvent(event);
    },
    end() {
      for (const [id, track] of tracks) if (track.phase === 'open') return `Item ${id} was added and never done.`;
      return undefined;
    },
  };
};

const owners: readonly (readonly [prefix: string, type: ThreadItem['type']])[] = [
  ['assistant_message.', 'assistant_message'],
  ['widget.', 'widget'],
  ['workflow.', 'workflow'],
  ['generated_image.', 'generated_image'],
];

const transition = (
  kind: 'added' | 'done' | 'replaced',
  item: ThreadItem,
  track: Track | undefined,
): string | undefined => {
  if (track === undefined) return undefined;
  if (track.phase === 'removed') return `Item ${item.id} is ${kind} after it was removed.`;
  if (kind === 'replaced') return undefined;
  if (kind === 'added') return `Item ${item.id} is added twice.`;
  if (track.phase === 'settled') return `Item ${item.id} is done twice; a change of a finished item is a replacement.`;
  return track.type === item.type
    ? undefined
    : `Item ${item.id} was added as ${track.type} and is done as ${item.type}.`;
};

/** The track after an update of one part, or the rule that the update breaks. */
const partRules = (id: string, track: Track, update: ThreadItemUpdate): Track | string => {
  switch (update.type) {
    case 'assistant_message.content_part.added':
    case 'assistant_message.content_part.text_delta':
    case 'assistant_message.content_part.annotation_added':
    case 'assistant_message.content_part.done': {
      const at = update.content_index;
      if (track.finishedParts.has(at)) return `Part ${at} of item ${id} gets ${update.type} after it was done.`;
      if (at > track.parts.size) return `Part ${at} of item ${id} comes before part ${track.parts.size}.`;
      if (update.type === 'assistant_message.content_part.added' && track.parts.has(at)) {
        return `Part ${at} of item ${id} is added twice.`;
      }
      const finished = update.type === 'assistant_message.content_part.done';
      return {
        ...track,
        parts: track.parts.has(at) ? track.parts : new Set(track.parts).add(at),
        finishedParts: finished ? new Set(track.finishedParts).add(at) : track.finishedParts,
      };
    }
    case 'workflow.task.added':
      return { ...track, parts: new Set(track.parts).add(track.parts.size) };
    case 'workflow.task.updated':
      return track.parts.has(update.task_index)
        ? track
        : `Task ${update.task_index} of item ${id} is updated before it is added.`;
    default:
      return track;
  }
};
