/**
 * Decides why a stream stalls, from the evidence gathered while it did. No I/O: `take-evidence.ts` gathers, this file
 * decides, and docs/decisions/doctor-second-witness.md explains.
 */

/** What a second connection to the same run received. */
export type Witness =
  /** Events that the first connection has not received, or the run's end. */
  | 'ahead'
  /** A response, and nothing newer. */
  | 'level'
  /** No response in time. */
  | 'silent'
  /** The run is unknown (404), or no longer in the log (410). */
  | 'unknown'
  /** Not possible: the server gives no run id. */
  | 'impossible'
  /** Any other response, or no connection. */
  | 'refused';

/** The result of a request with a short, complete response. */
export type Reply = 'answered' | 'silent' | 'unreachable';

/** What was observed during a stall. */
export interface Evidence {
  /** Whether the stalled connection has received its response head. */
  readonly isOpen: boolean;
  /** Whether the last events on it arrived as they were sent, and not many at once. */
  readonly hasFlowed: boolean;
  /** How many heartbeats arrived on it during the stall. */
  readonly heartbeats: number;
  /** The result of a request that needs neither the store nor the log. */
  readonly bare: Reply;
  /** The result of a request that reads the store. */
  readonly reply: Reply;
  /** The result of a request that looks up a run, and so needs the lease. */
  readonly lookup: Reply | 'impossible';
  /** The result of a request that has the store write into the thread; impossible until the thread is known. */
  readonly write: Reply | 'impossible';
  readonly witness: Witness;
}

/** The cause of a stall. */
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
 * const answers = { bare: 'answered', reply: 'answered', lookup: 'answered', write: 'answered', witness: 'level' } as const;
 * verdictOf({ isOpen: true, hasFlowed: true, heartbeats: 0, ...answers }); // 'model'
 */
export const verdictOf = (evidence: Evidence): Verdict => {
  const { isOpen, hasFlowed, heartbeats, bare, reply, lookup, write, witness } = evidence;
  if (witness === 'ahead') return 'held';
  if ((reply === 'silent' || write === 'silent') && bare === 'answered') return 'storage';
  // A heartbeat has come all the way from the server, so the connection is not what stalls.
  if (heartbeats > 0) return 'model';
  if (reply === 'unreachable') return 'network';
  if (reply === 'silent') return 'server';
  switch (witness) {
    case 'level':
      return 'model';
    case 'silent':
      // No proxy holds back a short, complete response, so this one is the server's doing.
      if (lookup === 'silent') return 'storage';
      // Some proxies hold back only responses to GET; a connection on which events have flowed will keep flowing.
      return hasFlowed ? 'model' : 'buffered';
    case 'unknown':
      return isOpen ? 'forgotten' : 'not_begun';
    case 'refused':
      return 'attach_refused';
    case 'impossible':
      return 'unknown';
  }
};

/** Whether the verdict names something to fix other than the model. */
export const isFault = (verdict: Verdict): boolean => verdict !== 'model' && verdict !== 'unknown';

/** What each verdict means, and where to look. */
export const adviceOf: Readonly<Record<Verdict, string>> = {
  model:
    'The model is silent: the connection works, and the server has nothing newer. Look at what respond() waits for (the provider, a tool, a lock), and yield a progress_update meanwhile.',
  held: 'This connection holds back what the server has sent: a second one got it at once. Look for a proxy that buffers, or that has lost the connection.',
  buffered:
    'A proxy or middleware holds streams back: other requests are answered, but a second stream is not even opened. Turn response buffering and compression of text/event-stream off there (nginx: proxy_buffering off).',
  storage:
    'The server runs, but waits for its storage. If a request that reads the store is silent, the store’s database hangs, cannot be reached, or has no free connection; if only one that writes is, a database is locked; otherwise it is that of the log and the lease (Redis, PostgreSQL, a file).',
  server:
    'No request is answered. The server’s event loop is blocked (synchronous work in respond(), a store or a tool), the machine is overloaded, or the network drops what is sent.',
  network: 'The server can no longer be reached.',
  forgotten:
    'Another machine answered, and it does not know the run. Several machines need a shared log and lease (docs/guides/scale.md), or one machine per thread.',
  not_begun:
    'The server answers, but has not begun this run. Look at what comes before respond(): authentication, the store (a database that is locked or full), or another run that holds the thread.',
  attach_refused: 'The server answers, but refuses a second reader of the run. See the status below.',
  unknown:
    'A silent model, a buffering proxy and a dead connection cannot be told apart here: this server gives no run id, so the run cannot be read on a second connection.',
};
