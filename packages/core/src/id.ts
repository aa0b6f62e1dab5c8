/**
 * Creates ids: a prefix for the kind of thing, and 24 hex digits (96 random bits). The Python SDK uses 32 bits, which
 * collide with probability one half after about 77,000 ids; a store that upserts would then silently overwrite a row.
 */

/** What an id names. */
export type IdKind =
  | 'thread'
  | 'message'
  | 'tool_call'
  | 'task'
  | 'workflow'
  | 'attachment'
  | 'sdk_hidden_context'
  | 'run';

const prefixes: Record<IdKind, string> = {
  thread: 'thr',
  message: 'msg',
  tool_call: 'tc',
  task: 'tsk',
  workflow: 'wf',
  attachment: 'atc',
  sdk_hidden_context: 'shcx',
  run: 'run',
};

// Random bytes for 64 ids at a time: one call of getRandomValues costs as much as making ten ids.
const pool = /* @__PURE__ */ new Uint8Array(64 * 12);
let used = pool.length;

const hex = /* @__PURE__ */ Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/**
 * A new id, for example `msg_5b1f0c3a9e7d42680f1e2d3c`.
 *
 * @example
 * const item = { id: createId('message'), thread_id: thread.id, ...rest };
 */
export const createId = (kind: IdKind): string => {
  if (used === pool.length) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  let id = `${prefixes[kind]}_`;
  for (const end = used + 12; used < end; used++) id += hex[pool[used] as number];
  return id;
};
