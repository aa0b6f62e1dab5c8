/**
 * Executes the op language of `../scenarios` on `@chatkit/server`. Its twin is `../record/interpreter.py`; an op that is
 * added to one is added to the other.
 */
import { setImmediate } from 'node:timers/promises';
import {
  type AttachmentStore,
  CustomStreamError,
  type IdKind,
  type Store,
  StreamError,
  type ThreadItem,
  type ThreadMetadata,
  type ThreadStreamEvent,
} from '@chatkit/core';
import { streamWidget } from '@chatkit/core/widgets';
import { type ChatKitServer, type CreateChatKitServerOptions, createChatKitServer } from '@chatkit/server';
import type { Context, Json, Op, Scenario, Script } from './scenario.ts';

/** The instant at which the recordings were made. */
export const now = '2026-01-01T12:00:00.000Z';

const prefixes: Record<string, string> = {
  thread: 'thr',
  message: 'msg',
  tool_call: 'tc',
  task: 'tsk',
  workflow: 'wf',
  attachment: 'atc',
  sdk_hidden_context: 'shcx',
};

/** Counted ids, the same on both sides. */
export const createIds = (style: Scenario['ids']) => {
  const counts = new Map<string, number>();
  return (kind: IdKind, thread?: ThreadMetadata): string => {
    const n = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, n);
    if (style !== 'custom') return `${prefixes[kind]}_${n}`;
    return thread === undefined ? `thr_custom_${n}` : `${kind}_custom_${n}_${thread.id}`;
  };
};

export interface ScriptedServer {
  server: ChatKitServer<Context>;
  calls: Json[];
  /** Resolves when the script has come to `wait`. */
  waiting: Promise<void>;
}

interface Parts {
  scenario: Scenario;
  store: Store<Context>;
  nextId: ReturnType<typeof createIds>;
}

type Variables = Record<string, string>;

/** A server that does what one request's script says, and logs how it was called. */
export const createScriptedServer = ({ scenario, store, nextId }: Parts, script: Script): ScriptedServer => {
  const calls: Json[] = [];
  const log = (hook: string, facts: Json) => void calls.push(copy({ hook, ...facts }));
  const waiting = Promise.withResolvers<void>();

  const run = async function* (
    ops: readonly Op[],
    thread: ThreadMetadata,
    context: Context,
    signal: AbortSignal | undefined,
    variables: Variables,
  ): AsyncGenerator<ThreadStreamEvent> {
    const refs: Record<string, ThreadItem> = {};
    for (const given of ops) {
      const op = fill(given, variables);
      switch (op.op) {
        case 'yield': {
          const { item } = op.event;
          yield (typeof item === 'string' ? { ...op.event, item: refs[item] } : op.event) as ThreadStreamEvent;
          break;
        }
        case 'id':
          variables[op.name] = nextId(op.kind, thread);
          break;
        case 'set_thread':
          for (const [key, value] of Object.entries(op.set)) {
            // What Python calls None is "nothing" here.
            if (value === null) delete (thread as Record<string, unknown>)[key];
            else (thread as Record<string, unknown>)[key] = value;
          }
          break;
        case 'set_metadata':
          Object.assign(walk(thread.metadata, op.path.slice(0, -1)), { [op.path.at(-1) as string]: op.value });
          break;
        case 'raise':
          throw buildError(op);
        case 'wait':
          waiting.resolve();
          await aborted(signal);
          break;
        case 'stream_widget': {
          for await (const event of streamWidget(thread, op.states === undefined ? op.widget : statesOf(op.states), {
            copyText: op.copy_text,
            createId: (kind) => nextId(kind, thread),
          })) {
            yield 'item' in event ? { ...event, item: { ...event.item, created_at: now } } : event;
          }
          break;
        }
        case 'store_item':
          await store.saveItem(op.item.thread_id, op.item, context);
          break;
        case 'store_thread': {
          const other = await store.loadThread(thread.id, context);
          await store.saveThread({ ...other.thread, ...op.set }, context);
          break;
        }
        case 'object':
          refs[op.name] = op.item;
          break;
        case 'append':
          (walk(refs[op.name], op.path) as unknown[]).push(op.value);
          break;
        case 'assign':
          Object.assign(walk(refs[op.name], op.path.slice(0, -1)), { [op.path.at(-1) as string]: op.value });
          break;
        default:
          throw new Error(`unknown op ${JSON.stringify(op)}`);
      }
    }
  };

  const options: CreateChatKitServerOptions<Context> = {
    store,
    now: () => Date.parse(now),
    onError: () => {},
    generateThreadId: () => nextId('thread'),
    generateItemId: (kind, thread) => nextId(kind, thread),
    respond(thread, input, context, { signal }) {
      log('respond', { thread, input, context });
      const ops = script.respond ?? [];
      if (!Array.isArray(ops)) return ops.returns as never;
      return run(ops, thread, context, signal, { now, thread: thread.id, input: input?.id ?? '' });
    },
    async addFeedback({ threadId, itemIds, kind }, context) {
      log('add_feedback', { thread_id: threadId, item_ids: itemIds, kind, context });
    },
  };
  const { action, sync_action: syncAction, transcribe } = script;
  if (action !== undefined) {
    options.action = (thread, given, sender, context, { signal }) => {
      log('action', { thread, action: { type: given.type, payload: given.payload ?? null }, sender, context });
      return run(action, thread, context, signal, { now, thread: thread.id, sender: sender?.id ?? '' });
    };
  }
  if (syncAction !== undefined) {
    options.syncAction = async (thread, given, sender, context) => {
      log('sync_action', { thread, action: { type: given.type, payload: given.payload ?? null }, sender, context });
      const variables = { now, thread: thread.id, sender: sender?.id ?? '' };
      const last = fill(syncAction.at(-1) as Op, variables);
      const before = last.op === 'raise' ? syncAction : syncAction.slice(0, -1);
      for await (const _ of run(before, thread, context, undefined, variables));
      return last.op === 'return' && last.updated_item !== undefined ? { updated_item: last.updated_item } : {};
    };
  }
  if (transcribe !== undefined) {
    options.transcribe = async ({ audio, mimeType, mediaType }, context) => {
      log('transcribe', {
        audio: Buffer.from(audio).toString('hex'),
        mime_type: mimeType,
        media_type: mediaType,
        context,
      });
      return transcribe;
    };
  }
  const { allow_cancel, attachments = true } = scenario.server ?? {};
  if (allow_cancel !== undefined) options.getStreamOptions = () => ({ allow_cancel });
  if (attachments) {
    options.attachmentStore = {
      async createAttachment(input, context) {
        log('create_attachment', { input, context });
        return script.create_attachment as never;
      },
      async deleteAttachment(attachmentId, context) {
        log('delete_attachment', { attachment_id: attachmentId, context });
      },
    } satisfies AttachmentStore<Context>;
  }
  return { server: createChatKitServer(options), calls, waiting: waiting.promise };
};

/** A value as JSON has it, cut off from what the application goes on changing. */
const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

/** Replaces `${name}` in every string. */
const fill = <T>(value: T, variables: Variables): T =>
  JSON.parse(JSON.stringify(value), (_, entry: unknown) =>
    typeof entry === 'string'
      ? entry.replace(/\$\{([^}]+)\}/g, (_all, name: string) => variables[name] as string)
      : entry,
  ) as T;

const walk = (target: unknown, path: readonly (string | number)[]): object =>
  path.reduce<unknown>((at, step) => (at as Record<string | number, unknown>)[step], target) as object;

const buildError = ({ error, message, code, allow_retry }: Extract<Op, { op: 'raise' }>): Error => {
  const options = allow_retry === undefined ? {} : { allowRetry: allow_retry };
  if (error === 'custom') return new CustomStreamError(message as string, options);
  if (error === 'stream') return new StreamError(code, options);
  return new Error(message ?? 'boom');
};

const aborted = (signal: AbortSignal | undefined): Promise<void> =>
  new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason), { once: true }));

async function* statesOf<T>(states: readonly T[]): AsyncGenerator<T> {
  for (const state of states) {
    await setImmediate();
    yield state;
  }
}
