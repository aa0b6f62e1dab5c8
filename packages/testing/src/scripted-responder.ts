/**
 * An agent that follows a script: the events, pauses and failures of a `respond()` as data. It records what it was
 * called with and how its generators ended, so that a test can check that a cancellation reached the model.
 */
import { createId, itemAdded, itemDone, type ThreadItem, type ThreadStreamEvent, textDelta } from '@chatkit/core';

/** What the responder was called with. */
export interface ScriptedCall<Thread = { id: string }, Input = unknown, Context = unknown> {
  readonly thread: Thread;
  readonly input: Input;
  readonly context: Context;
  readonly signal: AbortSignal | undefined;
  /** How the generator ended: ran to its end, threw, or was returned early. */
  outcome: 'running' | 'ended' | 'threw' | 'returned';
}

/** One step of a script. */
export type ScriptStep =
  | ThreadStreamEvent
  | { readonly type: 'script.say'; readonly deltas: readonly string[]; readonly id?: string | undefined }
  | { readonly type: 'script.wait'; readonly ms: number }
  | { readonly type: 'script.until'; readonly promise: PromiseLike<unknown> }
  | { readonly type: 'script.hang'; readonly deaf: boolean }
  | { readonly type: 'script.fail'; readonly error: unknown }
  | { readonly type: 'script.run'; readonly work: (call: ScriptedCall) => unknown };

/** A whole assistant message: added, one delta per text, done. */
export const say = (...deltas: string[]): ScriptStep => ({ type: 'script.say', deltas });
/** A pause, on the responder's clock. Ends early when the run is aborted, as a well-behaved agent does. */
export const wait = (ms: number): ScriptStep => ({ type: 'script.wait', ms });
/** Waits for a promise of the test. */
export const until = (promise: PromiseLike<unknown>): ScriptStep => ({ type: 'script.until', promise });
/** Never goes on. `deaf`: not even when the run is aborted. */
export const hang = ({ deaf = false }: { deaf?: boolean } = {}): ScriptStep => ({ type: 'script.hang', deaf });
/** Throws. */
export const fail = (error: unknown): ScriptStep => ({ type: 'script.fail', error });
/** Runs code of the test, for example to change the thread; waits for it if it is asynchronous. */
export const run = (work: (call: ScriptedCall) => unknown): ScriptStep => ({ type: 'script.run', work });

/** The options of {@link scriptedResponder}. */
export interface ScriptedResponderOptions {
  /** The clock for `wait()`. Default: the machine's timers. */
  clock?: { sleep(ms: number, signal?: AbortSignal | undefined): Promise<void> } | undefined;
  /** The `created_at` of messages. Default: now. */
  now?: (() => string) | undefined;
}

/** A function that fits `respond`, with a record of its calls. */
export interface ScriptedResponder {
  (
    thread: { id: string },
    input: unknown,
    context?: unknown,
    run?: { readonly signal?: AbortSignal | undefined },
  ): AsyncGenerator<ThreadStreamEvent, void, undefined>;
  readonly calls: ScriptedCall[];
}

/**
 * A responder that plays `script` at every call; give a function to choose a script per call.
 *
 * @example
 * const respond = scriptedResponder([say('Hel', 'lo'), wait(20), fail(new Error('model gone'))]);
 * const server = createChatKitServer({ store, respond });
 */
export const scriptedResponder = (
  script: readonly ScriptStep[] | ((call: ScriptedCall, index: number) => readonly ScriptStep[]),
  options: ScriptedResponderOptions = {},
): ScriptedResponder => {
  const calls: ScriptedCall[] = [];
  async function* play(call: ScriptedCall, steps: readonly ScriptStep[]): AsyncGenerator<ThreadStreamEvent, void> {
    let outcome: ScriptedCall['outcome'] = 'returned';
    try {
      for (const step of steps) yield* playStep(step, call, options);
      outcome = 'ended';
    } catch (error) {
      outcome = 'threw';
      throw error;
    } finally {
      call.outcome = outcome;
    }
  }
  const respond = (
    thread: { id: string },
    input: unknown,
    context?: unknown,
    current?: { readonly signal?: AbortSignal | undefined },
  ) => {
    const call: ScriptedCall = { thread, input, context, signal: current?.signal, outcome: 'running' };
    calls.push(call);
    return play(call, typeof script === 'function' ? script(call, calls.length - 1) : script);
  };
  return Object.assign(respond, { calls });
};

async function* playStep(
  step: ScriptStep,
  call: ScriptedCall,
  options: ScriptedResponderOptions,
): AsyncGenerator<ThreadStreamEvent, void> {
  switch (step.type) {
    case 'script.say':
      yield* playMessage(step, call, options);
      return;
    case 'script.wait':
      await (options.clock?.sleep ?? sleep)(step.ms, call.signal);
      return;
    case 'script.until':
      await step.promise;
      return;
    case 'script.hang':
      await (step.deaf ? new Promise<never>(() => {}) : rejectOnAbort(call.signal));
      return;
    case 'script.fail':
      throw step.error;
    case 'script.run':
      await step.work(call);
      return;
    default:
      yield step;
  }
}

async function* playMessage(
  step: Extract<ScriptStep, { type: 'script.say' }>,
  call: ScriptedCall,
  options: ScriptedResponderOptions,
): AsyncGenerator<ThreadStreamEvent, void> {
  const id = step.id ?? createId('message');
  const message = (text: string): ThreadItem => ({
    type: 'assistant_message',
    id,
    thread_id: call.thread.id,
    created_at: options.now?.() ?? new Date().toISOString(),
    content: text === '' ? [] : [{ type: 'output_text', text, annotations: [] }],
  });
  yield itemAdded(message(''));
  for (const delta of step.deltas) yield textDelta(id, delta);
  yield itemDone(message(step.deltas.join('')));
}

const rejectOnAbort = (signal: AbortSignal | undefined): Promise<never> =>
  new Promise((_, reject) => {
    if (signal?.aborted) reject(signal.reason);
    else signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
  });

const sleep = (ms: number, signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    if (signal?.aborted) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
  });
