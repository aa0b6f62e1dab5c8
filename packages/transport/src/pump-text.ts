/**
 * The one loop that moves a body to a connection, whatever the runtime: it reads the body as fast as the connection takes
 * it, joins what becomes ready within one turn of the event loop into one write, writes at once when nothing else is ready,
 * and lets other connections have their turn.
 */
import { forEach, type Source } from '@chatkit/stream';
import { endOfTurn, nextTurn } from './turn.ts';

/** The connection's side. */
export interface TextSink {
  /**
   * Takes a batch. `undefined` when it can take more at once, else a promise of when it can. A promise that rejects ends
   * the pump.
   */
  write(text: string): Promise<void> | undefined;
}

/** A joined write has about this many characters at most; one larger frame goes out whole. */
const batchLength = 32 * 1024;

/**
 * Characters that one connection may send before the others get a turn: few at first, so that hundreds of busy
 * connections all see their first byte soon, then doubling up to the most, where the cost of the turn is spread thin.
 */
const firstAllowance = 4 * 1024;
const fullAllowance = 32 * 1024;

/**
 * Moves `body` to `sink` until the body ends. What is held here never exceeds a batch and one chunk of the body. Rejects
 * with the body's error, once everything before it is written, or with the sink's. Whoever closes `body` stops the pump;
 * its promise then resolves without writing what is left, if `isStopped` holds.
 */
export async function pumpText(body: Source<string>, sink: TextSink, isStopped: () => boolean): Promise<void> {
  let held = '';
  let isFlushDue = false;
  let full: Promise<void> | undefined;
  let failure = undefined as { error: unknown } | undefined;
  let allowance = firstAllowance;
  let spent = 0;

  const flush = (): void => {
    isFlushDue = false;
    if (held === '' || full !== undefined || failure !== undefined || isStopped()) return;
    const text = held;
    held = '';
    full = sink.write(text)?.then(drained, failed);
  };
  const drained = (): void => {
    full = undefined;
    // Not at once: a consumer that asks from a microtask would get the frames one by one.
    if (held !== '') flushSoon();
  };
  const failed = (error: unknown): void => {
    failure = { error };
    full = undefined;
  };
  const atEndOfTurn = (): void => {
    // The body has run dry, or this would not have come: what it sends next is not part of the same rush.
    spent = 0;
    flush();
  };
  const flushSoon = (): void => {
    if (isFlushDue) return;
    isFlushDue = true;
    endOfTurn(atEndOfTurn);
  };
  const hold = async (): Promise<void> => {
    flush();
    if (spent >= allowance) {
      spent = 0;
      allowance = Math.min(2 * allowance, fullAllowance);
      await nextTurn();
    }
    while (held.length >= batchLength && full !== undefined) await full;
  };

  const outcome = await forEach<string>((text) => {
    if (failure !== undefined) throw failure.error;
    held += text;
    spent += text.length;
    if (!isFlushDue) flushSoon();
    return spent >= allowance || held.length >= batchLength ? hold() : undefined;
  })(body).then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  // What was made before the end, or before the error, goes out first.
  while (!isStopped() && failure === undefined && (held !== '' || full !== undefined)) {
    flush();
    if (full !== undefined) await full;
  }
  const error = failure ?? outcome;
  if (error !== undefined && !isStopped()) throw error.error;
}
