/**
 * Why a stream stands still, decided from what could be seen while it did. No I/O here: `take-evidence.ts` asks, this
 * table answers, and docs/decisions/doctor-second-witness.md has it in words.
 */

/** What a second connection to the same run was told. */
export type Witness =
  /** It got events that the first connection has not, or the run's end. */
  | 'ahead'
  /** It was opened, and nothing newer came. */
  | 'level'
  /** It was not opened in time. */
  | 'silent'
  /** The run is not known there (404), or no longer (410). */
  | 'unknown'
  /** It could not be asked: the server gives no run id. */
  | 'impossible'
  /** Any other answer, or none for want of a connection. */
  | 'refused';

/** What a request was told that is answered whole, at once. */
export type Reply = 'answered' | 'silent' | 'unreachable';

/** What was seen while the stream stood still. */
export interface Evidence {
  /** Whether the stream's own connection has had its head. */
  readonly isOpen: boolean;
  /** Whether the last events came on it as they were sent, not many at once. */
  readonly hasFlowed: boolean;
  /** Heartbeats that arrived on it during the stall. */
  readonly heartbeats: number;
  /** What a request was told that needs neither the store nor the log. */
  readonly bare: Reply;
  /** What a request was told that reads the store. */
  readonly reply: Reply;
  /** What a request about a run was told, whose answer is no stream: it needs the lease. */
  readonly lookup: Reply | 'impossible';
  readonly witness: Witness;
}

/** Why it stands still. */
export type Verdict =
  | 'model'
  | 'held'
  | 'buffered'
  | 'storage'
  | 'server'
  | 'network'
  | 'forgotten'
  | 'not_begun'
  | 'attach_refused'
  | 'unknown';

/**
 * The verdict on a stall.
 *
 * @example
 * const answers = { bare: 'answered', reply: 'answered', lookup: 'answered', witness: 'level' } as const;
 * verdictOf({ isOpen: true, hasFlowed: true, heartbeats: 0, ...answers }); // 'model'
 */
export const verdictOf = (evidence: Evidence): Verdict => {
  const { isOpen, hasFlowed, heartbeats, bare, reply, lookup, witness } = evidence;
  if (witness === 'ahead') return 'held';
  if (reply === 'silent' && bare === 'answered') return 'storage';
  // A heartbeat has come the whole way, so the way is not what is slow.
  if (heartbeats > 0) return 'model';
  if (reply === 'unreachable') return 'network';
  if (reply === 'silent') return 'server';
  switch (witness) {
    case 'level':
      return 'model';
    case 'silent':
      // An answer that is whole at once is held back by no proxy.
      if (lookup === 'silent') return 'storage';
      // Some proxies hold back answers to GET alone; what has flowed on this connection will go on to.
      return hasFlowed ? 'model' : 'buffered';
    case 'unknown':
      return isOpen ? 'forgotten' : 'not_begun';
    case 'refused':
      return 'attach_refused';
    case 'impossible':
      return 'unknown';
  }
};

/** Whether the verdict names something to be mended outside of the model. */
export const isFault = (verdict: Verdict): boolean => verdict !== 'model' && verdict !== 'unknown';

/** What each verdict means, and where to look. */
export const adviceOf: Readonly<Record<Verdict, string>> = {
  model:
    'The model is silent: the connection works, and the server has nothing newer. Look at what respond() waits for (the provider, a tool, a lock), and yield a progress_update meanwhile. If it waits for nothing, look at the store: what it cannot write, because its database is locked, nobody is told.',
  held: 'This connection holds back what the server has sent: a second one got it at once. Look for a proxy that buffers or has lost the connection.',
  buffered:
    'Something on the way holds streams back: other requests are answered, a second stream is not even opened. Turn response buffering and compression of text/event-stream off there (nginx: proxy_buffering off).',
  storage:
    'The server runs, and waits for what keeps its data. If a request that reads the store is silent, it is the store’s database that hangs, is locked, cannot be reached, or has no connection free; else that of the log and the lease (Redis, PostgreSQL, a file).',
  server:
    'Nobody is answered. The server’s event loop is blocked (synchronous work in respond(), a store or a tool), the machine is overloaded, or the network swallows what is sent.',
  network: 'The server cannot be reached any more.',
  forgotten:
    'Another machine answered, and does not know the run. Several machines need a shared log and lease (docs/guides/scale.md), or one machine per thread.',
  not_begun:
    'The server answers, but has not begun this run. Look at what comes before respond(): authentication, the store (a database that is locked, or full), a lane in which the thread’s other run is first.',
  attach_refused: 'The server answers, but refuses a second reader of the run. See the status below.',
  unknown:
    'A silent model, a buffer on the way and a dead connection cannot be told apart here: this server gives no run id, so it cannot be asked a second time.',
};
